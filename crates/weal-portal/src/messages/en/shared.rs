//! What stands on every page, and the parts that several rooms share.

use super::super::words::{
    Accessibility, Clock, Common, Facts, Fault, Form, Meter, NotFound, Paging, Refusal, Shell, SignIn,
    Timeline,
};
use super::plural;

pub(super) const COMMON: Common = Common {
    dash: "\u{2013}",
    not_known: "not known",
    percent: "{n}%",
    entry: "Entry {index}",
    more: plural!("{n} more is not shown here.", "{n} more are not shown here."),
    list_comma: ", ",
    list_last: "{first} and {last}",
};

pub(super) const CLOCK: Clock = Clock {
    overdue: "Overdue",
    days_left: plural!("{n} day left", "{n} days left"),
    hours_left: plural!("{n} hour left", "{n} hours left"),
    minutes_left: plural!("{n} minute left", "{n} minutes left"),
};

pub(super) const SHELL: Shell = Shell {
    skip: "Skip to the content",
    in_ecosystem: "in {ecosystem}",
    sections: "Sections",
    home: "Home",
    catalogue: "Catalogue",
    ask: "Ask",
    agreements: "Agreements",
    negotiations: "Negotiations",
    ledger: "Ledger",
    members: "Members",
    credentials: "Credentials",
    sign_out: "Sign out",
    accessibility: "Accessibility",
    footer_entries: plural!(
        "The ledger of this node has {n} entry.",
        "The ledger of this node has {n} entries."
    ),
    footer_checkpoint: "{entries} Its latest checkpoint begins {checkpoint}.",
    version: "Commonweal {version}",
};

pub(super) const FORM: Form = Form {
    errors_title: "Please mend this first",
    error_title: "Error: {title}",
    choose: "Choose one",
    sql_needed: "Write the question you want to ask.",
    reason_needed: "Say in one sentence why; the other side will read it.",
    purpose_needed: "Choose the purpose you need the data for.",
    legal_basis_needed: "Choose the legal basis you rely on.",
};

pub(super) const PAGING: Paging = Paging {
    label: "Pages",
    previous: "Previous page",
    next: "Next page",
    position: "Page {page} of {pages}",
};

pub(super) const METER: Meter = Meter {
    spent: "Spent",
    renewed: "Of it available again",
    reserved: "Reserved",
    left: "Left",
    left_of: "{left} of {granted}",
    low: "Little is left",
    short: "{left} of {granted} privacy budget left",
    unit: "In units of privacy loss (\u{3c1}).",
    none_left: "In units of privacy loss (\u{3c1}). The rest is less than one question at the usual cost.",
    would_buy: plural!(
        "In units of privacy loss (\u{3c1}). The rest buys {n} more question at the usual cost.",
        "In units of privacy loss (\u{3c1}). The rest buys {n} more questions at the usual cost."
    ),
    such_question: "Such a question, for how many there are, is exact to within \u{b1}\u{a0}{half}.",
    before: "Before",
    after: "After",
};

pub(super) const REFUSAL: Refusal = Refusal {
    title: "Refused",
    what: "What was refused",
    rule: "By which rule",
    changed_by: "Who may change it",
    instead: "What would work instead",
    instead_mode: "{mode}: what would leave the owner is {leaves}.",
    instead_go: "See \u{201c}{mode}\u{201d}",
    instead_do: "Go there",
    nothing_lost: "Nothing was lost and nothing left its owner.",
    kind_invalid: "It is not well-formed:",
    kind_unauthenticated: "It is not known who asks:",
    kind_forbidden: "It is not allowed:",
    kind_not_found: "There is no such thing here:",
    kind_conflict: "It does not fit the present state:",
    kind_too_large: "It is too large:",
    kind_exhausted: "A budget or quota is used up:",
    kind_unavailable: "Something needed cannot be reached now:",
};

pub(super) const TIMELINE: Timeline = Timeline {
    requested: "Asked for",
    offered: "An offer was made",
    accepted: "The offer was accepted",
    agreed_state: "The owner agreed",
    verified: "The asker confirmed",
    finalized: "Concluded",
    terminated: "Ended without an agreement",
    other_state: "Reached the state {state}",
    transfer_requested: "Access was asked for",
    transfer_started: "Access was opened",
    transfer_suspended: "Access was suspended",
    transfer_completed: "Access was closed",
    transfer_terminated: "Access was ended",
    transfer_other: "Access reached the state {state}",
    agreed: "The agreement came into force",
    revoked: "Revoked",
    first_use: "First use",
    reason: "Reason: {reason}",
    message: "The message as sent",
    earlier: plural!("{n} earlier step is in the ledger.", "{n} earlier steps are in the ledger."),
};

pub(super) const FACTS: Facts = Facts {
    use_granted: "{consumer} was allowed to use {about} {product}, for {purpose}, at a privacy loss of {loss}.",
    use_received: "We used {about} {product} of {provider}, for {purpose}, at a privacy loss of {loss}.",
    joined: "{product} (joined with {others})",
    use_refused: "{peer} asked for \u{201c}{mode}\u{201d} and was refused ({code}).",
    uses_refused: "{peer} asked for \u{201c}{mode}\u{201d} {times} in one minute and was refused ({code}).",
    more_times: plural!("once more", "{n} more times"),
    use_ended: "A use ended: {rows}, {size}.",
    use_cut: "A use was cut off after {rows}, {size}.",
    rows: plural!("{n} row", "{n} rows"),
    budget_reserved: "{loss} of the privacy budget of {product} was reserved before an answer was made.",
    negotiation_moved: "A negotiation with {peer} moved: {state}.",
    agreement_given: "An agreement was made: {peer} may use {about} {product}, for {purpose}.",
    agreement_held: "An agreement was made: we may use {about} {product} of {peer}, for {purpose}.",
    agreement_revoked: "{by} revoked an agreement: {reason}",
    transfer_moved: "Access under an agreement changed: {state}.",
    product_published: "{who} published {product}, version {version} ({class}).",
    offer_made: "{who} offered {product} on the rung \u{201c}{mode}\u{201d}.",
    offer_withdrawn: "{who} withdrew an offer.",
    budget_granted: "{who} granted {product} a privacy budget of {loss}.",
    budget_renewed: "{loss} of the privacy budget of {product} became available again; {spent} was spent since the beginning.",
    budget_changed: "{who} changed the privacy budget of {product} from {before} to {loss}.",
    own_rows_read: "{who} read rows of its own {product}.",
    catalogue_imported: "{who} took in the catalogue \u{201c}{catalogue}\u{201d} from elsewhere, with {entries}.",
    catalogue_forgotten: "{who} forgot the catalogue \u{201c}{catalogue}\u{201d} that was taken in from elsewhere.",
    charter_adopted: "The charter was adopted, version {version}.",
    member_admitted: "{member} was admitted as a member.",
    application_declined: "The application of {applicant} was declined.",
    member_suspended: "{member} was suspended: {reason}",
    person_added: "A person was added, in the role of {roles}.",
    roles_given: "A person\u{2019}s roles were changed to {roles}.",
    password_set: "A person was given a new password.",
    sessions_ended: "A person was signed out everywhere.",
    person_removed: "A person was removed.",
    token_made: "A token for programs was made, in the role of {roles}.",
    token_revoked: "A token for programs was revoked.",
    key_published: "The node\u{2019}s key {key} was published; it signs from {at} on.",
    key_signs: "The node signs with {key} from now on.",
    backup_taken: "A backup was taken, with {entries} of the ledger.",
    restored_counted: "A backup was restored, with {entries} of the ledger; budgets are as a newer ledger says.",
    restored_closed: "A backup was restored, with {entries} of the ledger; all that was left of the budgets counts as spent.",
    entries: plural!("{n} entry", "{n} entries"),
    other: "Something else was recorded; the entry itself says what.",
};

pub(super) const NOT_FOUND: NotFound = NotFound {
    title: "There is nothing here",
    lead: "The address may be mistyped, or what it names may be closed to you. Nothing is lost.",
    search: "Search the catalogue",
    home: "Go to your home page",
};

pub(super) const FAULT: Fault = Fault {
    title: "Something went wrong on this node",
    lead: "It is our fault, not yours. What was recorded before is safe; try again in a minute.",
    id: "If it happens again, give this number to the operator of the node: {id}. The log has the details under it.",
};

pub(super) const SIGN_IN: SignIn = SignIn {
    title: "Sign in",
    lead: "This is the node of {node}. Sign in with your account on it.",
    account: "Account",
    account_hint: "Your short name on this node, in lower-case letters.",
    password: "Password",
    submit: "Sign in",
    no_account: "No account? An owner or the chief data officer of your organisation gives you one with `weal person add`.",
};

pub(super) const ACCESSIBILITY: Accessibility = Accessibility {
    title: "Accessibility",
    lead: "These pages are made for everyone who works with them, whatever they see, hear or hold.",
    sections: &[
        (
            "What you can expect",
            &[
                "The pages are built to the Web Content Accessibility Guidelines (WCAG) 2.2 at level AA. Text has a contrast of at least 7 to 1, and shapes of at least 3 to 1, in the light and in the dark scheme.",
                "Everything works by keyboard, without scripts and without colours. A state is said by a word and a shape, not by its colour alone. Every chart stands above a table with the same figures.",
                "The pages can be read on a screen 320 pixels wide, at four times the usual text size, and on paper.",
            ],
        ),
        (
            "How it is tested",
            &[
                "With every change of the software, each page is opened in a browser at three widths, in both schemes, and checked by axe. That finds many barriers, not all: the pages have not yet been tried with people who use screen readers every day.",
            ],
        ),
        (
            "If something stands in your way",
            &[
                "Tell the operator of this node what you wanted to do, on which page, and what you use to read it. They can also send you any table or answer in another form.",
            ],
        ),
    ],
};
