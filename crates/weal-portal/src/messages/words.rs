//! Which words there are. The language modules fill them.
//!
//! Placeholders in braces are named in the English texts; a translation uses the same ones.

use weal_domain::agreements::{LegalBasis, Purpose};
use weal_domain::identity::Role;

use super::names::ModeWords;
use super::{Plural, PluralCategory};

/// One language.
#[derive(Debug)]
pub(crate) struct Messages {
    /// BCP 47.
    pub(crate) lang: &'static str,
    /// `ltr` or `rtl`.
    pub(crate) dir: &'static str,
    /// CLDR's plural rule.
    pub(crate) plural: fn(u64) -> PluralCategory,
    pub(crate) thousands: &'static str,
    pub(crate) decimal_point: &'static str,
    pub(crate) date_form: &'static str,
    pub(crate) date_time_form: &'static str,
    pub(crate) months: [&'static str; 12],
    /// In the order of the ladder.
    pub(crate) modes: [ModeWords; 7],
    pub(crate) role_name: fn(Role) -> &'static str,
    pub(crate) role_plural: fn(Role) -> &'static str,
    pub(crate) purpose_name: fn(&Purpose) -> String,
    pub(crate) legal_basis_name: fn(&LegalBasis) -> String,
    pub(crate) common: Common,
    pub(crate) clock: Clock,
    pub(crate) shell: Shell,
    pub(crate) form: Form,
    pub(crate) paging: Paging,
    pub(crate) meter: Meter,
    pub(crate) refusal: Refusal,
    pub(crate) timeline: Timeline,
    pub(crate) facts: Facts,
    pub(crate) not_found: NotFound,
    pub(crate) fault: Fault,
    pub(crate) accessibility: Accessibility,
    pub(crate) sign_in: SignIn,
    pub(crate) home: Home,
    pub(crate) catalogue: Catalogue,
    pub(crate) product: Product,
    pub(crate) own: Own,
    pub(crate) ladder: Ladder,
    pub(crate) members: Members,
    pub(crate) credentials: Credentials,
    pub(crate) terms: Terms,
    pub(crate) agreements: Agreements,
    pub(crate) negotiations: Negotiations,
    pub(crate) ask: Ask,
    pub(crate) answer: Answer,
    pub(crate) ledger: Ledger,
}

/// Texts and counts of one part of the portal.
macro_rules! words {
    ($name:ident { $($text:ident),* $(,)? } $(counts { $($count:ident),* $(,)? })?) => {
        #[derive(Debug)]
        pub(crate) struct $name {
            $(pub(crate) $text: &'static str,)*
            $($(pub(crate) $count: Plural,)*)?
        }
    };
}

words!(Common { entry, dash, not_known, percent, list_comma, list_last } counts { more });
words!(Clock {
    overdue,
} counts {
    days_left, hours_left, minutes_left,
});
words!(Shell {
    skip, in_ecosystem, sections, home, catalogue, ask, agreements, negotiations, ledger, members, credentials,
    sign_out, accessibility, footer_checkpoint, version,
} counts {
    footer_entries,
});
words!(Form {
    errors_title,
    error_title,
    choose,
    sql_needed,
    reason_needed,
    purpose_needed,
    legal_basis_needed
});
words!(Paging { label, previous, next, position });
words!(Meter {
    spent, renewed, reserved, left, left_of, low, short, unit, none_left, such_question, before, after,
} counts {
    would_buy,
});
words!(Refusal {
    title,
    what,
    rule,
    changed_by,
    instead,
    instead_mode,
    instead_go,
    instead_do,
    nothing_lost,
    kind_invalid,
    kind_unauthenticated,
    kind_forbidden,
    kind_not_found,
    kind_conflict,
    kind_too_large,
    kind_exhausted,
    kind_unavailable,
});
words!(Timeline {
    requested, offered, accepted, agreed_state, verified, finalized, terminated, other_state,
    transfer_requested, transfer_started, transfer_suspended, transfer_completed, transfer_terminated,
    transfer_other, agreed, revoked, first_use, reason, message,
} counts {
    earlier,
});
words!(Facts {
    use_granted, use_received, joined, use_refused, uses_refused, use_ended, use_cut, budget_reserved, negotiation_moved,
    agreement_given, agreement_held, agreement_revoked, transfer_moved, product_published, offer_made,
    offer_withdrawn, budget_granted, budget_changed, budget_renewed, own_rows_read,
    catalogue_imported, catalogue_forgotten, charter_adopted, member_admitted,
    application_declined,
    member_suspended, person_added, roles_given, password_set, sessions_ended, person_removed, token_made,
    token_revoked, key_published, key_signs, backup_taken, restored_counted, restored_closed,
    other,
} counts {
    rows, entries, more_times,
});
words!(NotFound { title, lead, search, home });
words!(Fault { title, lead, id });
words!(SignIn { title, lead, account, account_hint, password, submit, no_account });
words!(Home {
    title, nothing_waits, no_products, not_joined, find, how_to_publish, see_members, due, since,
    request, request_detail, admission, admission_detail, ends, ends_detail, budget_low,
    budget_low_detail, stale, stale_detail, changed, changed_since, no_changes, see_ledger,
} counts {
    waiting_count,
});
words!(Catalogue {
    title, lead, tab_all, tab_own, search_label, search_hint, search, clear, any, facet_member,
    facet_mode, facet_class, class_open, class_internal, class_personal, class_sensitive, nothing_found,
    nothing_yet, see_members, unreachable, offers, offers_nothing, holds, updated, elsewhere,
    elsewhere_lead, elsewhere_from,
} counts {
    found, elsewhere_more,
});
words!(Product {
    owner, name, class, updated, version, size, read, read_fresh, read_stale, keywords, contract,
    contract_link, ladder, ladder_lead, request_refused, schema, column, kind, identifies, meaning,
    subject, nullable, no_schema, other_products, kind_boolean, kind_integer, kind_float, kind_text,
    kind_date, kind_timestamp, identifies_direct, identifies_quasi, identifies_no, budget, budget_lead,
    profile, profile_lead, nulls, distinct, smallest, largest, no_profile, no_profile_next,
    typical, typical_lead, typical_question, typical_costs, typical_exact, typical_share, typical_percent,
    typical_shown_from,
} counts {
    rows, more_columns,
});
words!(Own {
    title,
    lead,
    none,
    none_next,
    publish_more,
    no_offers,
    offers_of,
    rung,
    state,
    on_offer,
    withdrawn,
    purposes,
    agreements,
    budget,
});
words!(Ladder {
    leaves,
    between,
    reading,
    not_offered,
    offered,
    you_offer,
    closed,
    waiting,
    held,
    between_reading,
    between_absent,
    between_own_absent,
    between_own,
    between_automatic,
    between_steward,
    between_waiting,
    between_held_until,
    between_held,
    terms,
    ask_for,
    purpose,
    purpose_hint,
    legal_basis,
    legal_basis_hint,
    send,
    send_hint,
    may_not_request,
    see_negotiation,
    see_agreement,
    ask,
});
words!(Credentials {
    title,
    lead,
    held,
    held_lead,
    none_held,
    none_held_next,
    kind,
    membership,
    issuer,
    subject,
    valid_until,
    no_end,
    state,
    good,
    revoked,
    expired,
    unknown,
    unknown_hint,
    came,
    by_membership,
    by_issuer,
    by_import,
    import,
    import_lead,
    import_label,
    import_hint,
    import_go,
    requests,
    none_requests,
    none_requests_next,
    request,
    waiting,
    arrived,
    refused,
    refused_for,
    offers,
    because,
    issued,
    issued_lead,
    none_issued,
    none_issued_next,
    place,
    receiver,
    number,
    asked,
    offered,
});
words!(Members {
    title,
    lead,
    register,
    none,
    none_next,
    member,
    standing,
    since,
    node,
    decision,
    this_node,
    applied,
    good,
    suspended,
    left,
    admit,
    decline,
    charter,
    no_charter,
    charter_name,
    governing_body,
    version,
    version_text,
    purposes,
});
words!(Terms {
    leaves, purpose, legal_basis, any_of, recipients, every_member, roles, columns,
    all_columns, row_filter, row_filter_text, valid_until, valid_always, uses, budget, budget_text,
    budget_share, budget_member, budget_analyst, renewal, renewal_text, retention, disposal, service_level, liability, licence, approval, approval_automatic,
    approval_steward,
} counts {
    more_columns, more_recipients, uses_per_day, retention_days, renewal_days,
});
words!(Agreements {
    title, lead, held, given, none_held, none_given, find, see_products, line_title, pending, in_force,
    expired, revoked, pending_text, in_force_text, expired_text, revoked_text, until, back, ask,
    provider, consumer, product, purpose, legal_basis, agreed, valid_until, id, budget, uses, no_uses,
    all_agreements, all_uses, use_when, use_who, use_result, use_cost, use_proof, use_answered, use_refused,
    terms, terms_open, timeline, policy, policy_open, revoke, revoke_lead, revoke_reason,
    revoke_reason_hint, revoke_go, revoke_hint, confirm_title, confirm_at_once, confirm_for_good,
    confirm_go, confirm_keep,
} counts {
    uses_count, uses_total, confirm_uses,
});
words!(Negotiations {
    title,
    lead,
    waiting,
    none_waiting,
    see_agreements,
    others,
    none_others,
    they_ask,
    we_ask,
    wants,
    moved,
    refused_what,
    see_agreement,
    peer,
    product,
    mode,
    purpose,
    legal_basis,
    id,
    decide,
    approve,
    approve_says,
    approve_go,
    refuse,
    refuse_reason,
    refuse_reason_hint,
    refuse_go,
});
words!(Ask {
    title, title_preview, title_answer, title_refused, lead, none_held, agreement, agreement_hint,
    sql, sql_hint, preview, ask, buttons_hint, held, held_for, all_held, choose, owner, purpose,
    legal_basis, until, examples, use_example, columns, preview_title, preview_nothing_asked,
    preview_cost, sharper, expected, expected_column, expected_width, plus_minus, depends, budget, ask_for_cost,
    change, refused_what, refused_any, refused_free,
} counts {
    shown_from,
});
words!(Answer {
    title, all, no_key, no_value, unknown, no_groups, chart_title, chart_unit, chart_reading, chart_says,
    source, table_caption, with_unit, interval, protected, cost, cost_text, cite, cite_statistics,
    cite_rows, receipt, owner_part, agreement, receipt_agreement, receipt_purpose, receipt_ours, receipt_theirs,
    receipt_use, export, csv, json, parquet, rows_title, rows_caption, no_rows,
} counts {
    chart_more, more_rows, rows_shown,
});
words!(Ledger {
    title, lead, filter, all, uses, agreements, catalogue, governance, house, none, none_of_kind, index,
    entry, what, when, who, about, checkpoint, checkpoint_lead, origin, size, root, note_open,
    entry_title, proof, proof_lead, no_checkpoint, look_again, check, download, download_hint, figures,
    commitment, leaf, path, path_empty, holds, fails, ok, not_ok, check_commitment, check_path,
    check_signature, computed, fails_next, body, body_lead, body_open,
} counts {
    entries,
});

/// The accessibility statement: headings with their paragraphs.
#[derive(Debug)]
pub(crate) struct Accessibility {
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) sections: &'static [(&'static str, &'static [&'static str])],
}
