//! Home, the catalogue, products, members.

use weal_domain::Timestamp;
use weal_domain::catalogue::{Approval, Bounds, Classification, ColumnProfile, Mode, PrivacyPolicy};
use weal_domain::governance::{Charter, Member, Standing};
use weal_domain::identity::Role;
use weal_portal::pages;
use weal_portal::view::*;

use super::Page;
use crate::samples::*;

pub(super) fn pages() -> Vec<Page> {
    let home_chrome = Chrome {
        flash: Some(Flash { tone: Tone::Allowed, text: "You are signed in.".to_owned() }),
        ..chrome(Section::Home)
    };
    vec![
        ("sign-in", pages::identity::sign_in(&stranger(), &SignInView::default())),
        ("sign-in-wrong", pages::identity::sign_in(&stranger(), &sign_in_wrong())),
        ("home", pages::home::home(&home_chrome, &home())),
        ("home-empty", pages::home::home(&chrome(Section::Home), &home_empty())),
        ("catalogue", pages::catalogue::catalogue(&chrome(Section::Catalogue), &catalogue())),
        ("catalogue-nothing", pages::catalogue::catalogue(&chrome(Section::Catalogue), &catalogue_nothing())),
        ("product", pages::catalogue::product(&chrome(Section::Catalogue), &product())),
        ("product-refused", pages::catalogue::product(&chrome(Section::Catalogue), &product_refused())),
        ("product-own", pages::catalogue::product(&owner_chrome(Section::Catalogue), &product_own())),
        ("products", pages::catalogue::own_products(&owner_chrome(Section::Catalogue), &own_products())),
        (
            "products-none",
            pages::catalogue::own_products(
                &chrome(Section::Catalogue),
                &OwnProductsView {
                    owner: education(),
                    products: vec![],
                    paging: Paging { page: 1, pages: 1, total: 0 },
                },
            ),
        ),
        ("members", pages::governance::members(&governor(), &members())),
        ("credentials", pages::identity::credentials(&owner_chrome(Section::Members), &credentials())),
        ("credentials-wrong", pages::identity::credentials(&governor(), &credentials_wrong())),
        (
            "credentials-none",
            pages::identity::credentials(&chrome(Section::Members), &CredentialsView::default()),
        ),
        (
            "members-none",
            pages::governance::members(
                &Chrome { ecosystem: None, ..chrome(Section::Members) },
                &MembersView { charter: None, governing_body: None, members: vec![], may_admit: false },
            ),
        ),
    ]
}

fn stranger() -> Chrome {
    Chrome { person: None, section: None, ..chrome(Section::Home) }
}

fn governor() -> Chrome {
    Chrome {
        node_title: council().title,
        member: council().name,
        person: Some(SignedIn {
            display_name: "Sena Okafor".to_owned(),
            roles: vec![Role::ChiefDataOfficer],
        }),
        ..chrome(Section::Members)
    }
}

fn sign_in_wrong() -> SignInView {
    let text = "The account and the password do not fit together. Try again, or ask the operator for a new password.";
    SignInView {
        account: "ilka".to_owned(),
        next: "/ask".to_owned(),
        errors: vec![FieldError { field: "account", text: text.to_owned() }],
    }
}

pub(crate) fn home() -> HomeView {
    let decision =
        |kind, since: &str, due: Option<&str>| Decision { kind, since: at(since), due: due.map(at) };
    HomeView {
        decisions: vec![
            decision(
                DecisionKind::Request {
                    negotiation: "urn:uuid:77aa".to_owned(),
                    from: employment(),
                    product_title: "Apprenticeship claims".to_owned(),
                    mode: Mode::Statistics,
                    purpose: statistics_purpose(),
                },
                "2026-11-20T08:00:00Z",
                Some("2026-11-22T08:00:00Z"),
            ),
            decision(
                DecisionKind::BudgetLow {
                    agreement: agreement_id(1),
                    product: reference("revenue.payroll"),
                    meter: Meter { spent: rho(940_000_000), ..meter() },
                },
                "2026-11-21T18:00:00Z",
                None,
            ),
            decision(
                DecisionKind::AgreementEnds {
                    agreement: agreement_id(2),
                    product: reference("employment.benefits"),
                    peer: employment(),
                },
                "2026-11-19T00:00:00Z",
                Some("2026-12-01T00:00:00Z"),
            ),
        ],
        changes: entries(),
        since: Some(at("2026-11-19T16:02:00Z")),
        names: names(),
        has_products: true,
        has_joined: true,
    }
}

fn home_empty() -> HomeView {
    HomeView {
        decisions: vec![],
        changes: vec![],
        since: None,
        names: names(),
        has_products: false,
        has_joined: true,
    }
}

fn card(
    owner: Party,
    name: &str,
    title: &str,
    description: &str,
    class: Classification,
    offered: &[Mode],
    held: &[Mode],
) -> ProductCard {
    ProductCard {
        owner,
        product: product_name(name),
        title: title.to_owned(),
        description: description.to_owned(),
        classification: class,
        offered: offered.to_vec(),
        held: held.to_vec(),
        updated_at: at("2026-11-18T04:10:00Z"),
    }
}

pub(crate) fn catalogue() -> CatalogueView {
    let facet = |value: Party, count| Facet { value, count };
    CatalogueView {
        query: CatalogueQuery { text: "wages".to_owned(), ..CatalogueQuery::default() },
        facets: Facets {
            members: vec![facet(revenue(), 2), facet(employment(), 1)],
            modes: [Mode::Metadata, Mode::Statistics, Mode::Matching, Mode::Extract]
                .map(|value| Facet { value, count: 2 })
                .to_vec(),
            classes: vec![
                Facet { value: Classification::Personal, count: 2 },
                Facet { value: Classification::Open, count: 1 },
            ],
        },
        results: vec![
            card(
                revenue(),
                "payroll",
                "Payroll, by person and year",
                "Wages that employers report to the revenue agency each month, added up by person and tax year, with the region of the employer and the person's age band.",
                Classification::Personal,
                &[Mode::Metadata, Mode::Statistics, Mode::Matching],
                &[Mode::Statistics],
            ),
            card(
                employment(),
                "benefits",
                "Unemployment benefits",
                "Benefits paid, by person and month.",
                Classification::Sensitive,
                &[Mode::Metadata, Mode::Statistics],
                &[],
            ),
            card(
                revenue(),
                "sectors",
                "Sectors of the economy",
                "The list of NACE sections with their names in three languages. No person is in it.",
                Classification::Open,
                &[Mode::Metadata, Mode::Extract],
                &[],
            ),
        ],
        paging: Paging { page: 2, pages: 3, total: 43 },
        unreachable: vec![employment()],
        elsewhere: Elsewhere {
            cards: vec![
                ElsewhereCard {
                    title: "Wages of city staff".to_owned(),
                    description: "What the city pays, by grade.".to_owned(),
                    publisher: Some("The City".to_owned()),
                    source: "Open data of the city".to_owned(),
                    address: Some("https://city.example/wages.csv".to_owned()),
                },
                ElsewhereCard {
                    title: "An address that would run".to_owned(),
                    description: String::new(),
                    publisher: None,
                    source: "somewhere".to_owned(),
                    address: Some("javascript:alert(1)".to_owned()),
                },
            ],
            total: 12,
        },
    }
}

fn catalogue_nothing() -> CatalogueView {
    CatalogueView {
        query: CatalogueQuery {
            text: "fish quotas".to_owned(),
            mode: Some(Mode::Extract),
            ..CatalogueQuery::default()
        },
        results: vec![],
        paging: Paging { page: 1, pages: 1, total: 0 },
        unreachable: vec![],
        ..catalogue()
    }
}

fn rungs() -> Vec<Rung> {
    let offered = |n, purposes, approval| RungState::Offered {
        offer: offer_id(n),
        terms: Box::new(terms(purposes, approval)),
    };
    vec![
        Rung { mode: Mode::Metadata, state: RungState::NotOffered },
        Rung { mode: Mode::Synthetic, state: RungState::NotOffered },
        Rung {
            mode: Mode::Statistics,
            state: RungState::Held {
                agreement: agreement_id(1),
                valid_until: Some(at("2027-12-31T23:59:59Z")),
            },
        },
        Rung {
            mode: Mode::Matching,
            state: offered(4, vec![fraud(), statistics_purpose()], Approval::Steward),
        },
        Rung {
            mode: Mode::Lookup,
            state: RungState::Waiting {
                negotiation: "urn:uuid:77ab".to_owned(),
                since: at("2026-11-21T09:00:00Z"),
            },
        },
        Rung { mode: Mode::Extract, state: RungState::Closed { why: refusal() } },
    ]
}

fn freshness(read_at: Option<Timestamp>) -> Freshness {
    Freshness {
        version: 14,
        published_at: at("2026-02-01T08:00:00Z"),
        updated_at: at("2026-11-18T04:10:00Z"),
        read_at,
        reachable: true,
    }
}

pub(crate) fn product() -> ProductView {
    ProductView {
        once: "bm90LWEtc2VjcmV0".to_owned(),
        owner: revenue(),
        product: product_name("payroll"),
        title: "Payroll, by person and year".to_owned(),
        description: "Wages that employers report to the National Revenue Agency each month, added up by person and tax year.".to_owned(),
        keywords: ["wages", "employers", "tax"].map(str::to_owned).to_vec(),
        classification: Classification::Personal,
        own: false,
        rows: None,
        size_bytes: None,
        columns: payroll_columns(),
        profile: vec![],
        privacy: Some(privacy()),
        budget: None,
        typical: vec![],
        names: names(),
        rungs: rungs(),
        contract_href: Some("/catalogue/revenue/payroll/contract.yaml".to_owned()),
        freshness: freshness(Some(at("2026-11-21T22:00:00Z"))),
        draft: None,
    }
}

fn privacy() -> PrivacyPolicy {
    PrivacyPolicy {
        subject: "person_id".to_owned(),
        groups_per_subject_max: 1,
        rows_per_group_max: 1,
        rows_per_subject_max: None,
        bounds: [("wage".to_owned(), Bounds { low: 0.0, high: 250_000.0, decimals: 0 })].into(),
        public_keys: [("region".to_owned(), vec!["Coast".to_owned()])].into(),
        group_size_min: 20,
        question_loss_default: rho(5_000_000),
        question_loss_max: rho(50_000_000),
        budget: rho(4_000_000_000),
        budget_rules: Default::default(),
    }
}

fn product_refused() -> ProductView {
    let draft = RequestDraft {
        offer: offer_id(4),
        purpose: Some(statistics_purpose()),
        legal_basis: None,
        errors: vec![FieldError {
            field: "purpose",
            text: "The law you name does not allow official statistics by private match. Choose another purpose.".to_owned(),
        }],
        refusal: Some(refusal()),
    };
    ProductView { draft: Some(draft), ..product() }
}

fn typical() -> Vec<Typical> {
    let count = Typical {
        about: "How many, by region".to_owned(),
        sql: "SELECT \"region\", COUNT(*) AS number FROM revenue.payroll GROUP BY \"region\"".to_owned(),
        loss: rho(5_000_000),
        half_width: Some(73.0),
        percent: Some(0.442),
        shown_from: Some(210),
        refused: None,
    };
    let refused = Typical {
        about: "Average of wage, by region".to_owned(),
        refused: Some("A loss of 0.005 is too little for that.".to_owned()),
        ..count.clone()
    };
    vec![count, refused]
}

fn product_own() -> ProductView {
    let value = |column: &str, nulls, distinct, min: &str, max: &str| ColumnProfile {
        column: column.to_owned(),
        nulls,
        distinct,
        min: Some(min.to_owned()),
        max: Some(max.to_owned()),
    };
    let mut rungs = rungs();
    rungs[2].state =
        RungState::Offered { offer: offer_id(2), terms: Box::new(terms(vec![fraud()], Approval::Automatic)) };
    rungs.truncate(4);
    ProductView {
        own: true,
        rows: Some(1_204_339),
        size_bytes: Some(48_211_904),
        profile: vec![
            value("person_id", 0, 198_204, "0003f1", "fffe02"),
            value("year", 0, 7, "2020", "2026"),
            value("region", 0, 12, "Capital", "Western Islands"),
            value("employer_sector", 4_210, 21, "A", "U"),
            value("wage", 0, 88_412, "0.00", "1,204,000.00"),
        ],
        budget: Some(Meter {
            granted: rho(4_500_000_000),
            renewed: rho(500_000_000),
            spent: rho(840_000_000),
            half_width: Some(73),
            ..meter()
        }),
        typical: typical(),
        freshness: freshness(None),
        rungs,
        ..product()
    }
}

pub(crate) fn own_products() -> OwnProductsView {
    let offer = |mode, withdrawn_at| OwnOffer {
        mode,
        terms: terms(vec![fraud(), statistics_purpose()], Approval::Automatic),
        agreements: 3,
        withdrawn_at,
    };
    let product = |name: &str, title: &str, class, offers, budget| OwnProduct {
        product: product_name(name),
        title: title.to_owned(),
        classification: class,
        rows: 1_204_339,
        size_bytes: 48_211_904,
        version: 14,
        updated_at: at("2026-11-18T04:10:00Z"),
        offers,
        budget,
    };
    OwnProductsView {
        owner: revenue(),
        products: vec![
            product(
                "payroll",
                "Payroll, by person and year",
                Classification::Personal,
                vec![offer(Mode::Statistics, None), offer(Mode::Matching, Some(at("2026-10-02T08:00:00Z")))],
                Some(meter()),
            ),
            product("sectors", "Sectors of the economy", Classification::Open, vec![], None),
        ],
        paging: Paging { page: 1, pages: 1, total: 2 },
    }
}

pub(crate) fn members() -> MembersView {
    let line = |party: Party, standing, own| MemberLine {
        member: Member {
            did: party.did,
            origin: format!("https://{}.arvenia.example", party.name),
            name: party.name,
            title: party.title,
            standing,
            since: at("2026-09-01T10:00:00Z"),
        },
        own,
    };
    MembersView {
        charter: Some(Charter {
            version: 2,
            name: "Arvenia Data Commons".to_owned(),
            governing_body: council().did,
            purposes: vec![fraud(), statistics_purpose()],
            text: "The members share data so that public services treat people justly and spend public money well.\n\nEvery owner keeps its data, its veto and its proof. No use is made for a purpose that is not named here.\n\nWhoever is harmed may turn to the ombudsman of any member, and is answered within thirty days.".to_owned(),
            adopted_at: at("2026-09-01T10:00:00Z"),
        }),
        governing_body: Some(council()),
        members: vec![
            line(employment(), Standing::Applied, false),
            line(revenue(), Standing::Good, false),
            line(education(), Standing::Suspended, false),
            line(council(), Standing::Good, true),
        ],
        may_admit: true,
    }
}

const MEMBERSHIP: &str = "MembershipCredential";

/// What a member holds.
pub(crate) fn credentials() -> CredentialsView {
    let held = |number: &str, kind: &str, issuer: Party, until: Option<&str>, state, came| HeldLine {
        number: number.to_owned(),
        kinds: vec![kind.to_owned()],
        issuer: issuer.did,
        subject: revenue().did,
        valid_until: until.map(at),
        state,
        came,
        received_at: at("2026-09-01T10:00:00Z"),
    };
    let until = Some("2026-12-01T10:00:00Z");
    CredentialsView {
        held: vec![
            held("3f9a0c51d2b8", MEMBERSHIP, council(), until, CredentialState::Good, CameBy::Membership),
            held(
                "77ab12c09e41",
                "StatisticsBodyCredential",
                employment(),
                None,
                CredentialState::Unknown,
                CameBy::Import,
            ),
            held(
                "0c81d5e2f790",
                "TaxAuthorityCredential",
                council(),
                until,
                CredentialState::Expired,
                CameBy::Issuer,
            ),
            held(
                "9e10ba33c2d4",
                "PilotCredential",
                council(),
                until,
                CredentialState::Revoked,
                CameBy::Issuer,
            ),
        ],
        requests: vec![
            RequestedLine {
                issuer: council().did,
                asked_at: at("2026-11-21T08:12:00Z"),
                state: RequestState::Waiting,
                reason: None,
            },
            RequestedLine {
                issuer: employment().did,
                asked_at: at("2026-11-02T09:00:00Z"),
                state: RequestState::Refused,
                reason: Some("not a member in good standing".to_owned()),
            },
            RequestedLine {
                issuer: council().did,
                asked_at: at("2026-09-01T09:58:00Z"),
                state: RequestState::Arrived,
                reason: None,
            },
        ],
        offers: vec![OfferedLine {
            issuer: council().did,
            kind: Some("StatisticsBodyCredential".to_owned()),
            reason: Some("reissue".to_owned()),
            received_at: at("2026-11-20T07:00:00Z"),
        }],
        names: names(),
        membership_kind: MEMBERSHIP.to_owned(),
        may_import: true,
        ..CredentialsView::default()
    }
}

/// What a governing body has issued, and an import that was not accepted.
fn credentials_wrong() -> CredentialsView {
    let issued = |subject: Party, until: Option<&str>, state, place| IssuedLine {
        subject: subject.did,
        kinds: if until.is_some() { vec![MEMBERSHIP.to_owned()] } else { vec![] },
        valid_until: until.map(at),
        state,
        place,
    };
    CredentialsView {
        issues: true,
        issued: vec![
            issued(employment(), Some("2027-02-19T10:00:00Z"), CredentialState::Good, 4),
            issued(education(), Some("2027-01-11T10:00:00Z"), CredentialState::Revoked, 3),
            issued(revenue(), None, CredentialState::Good, 1),
        ],
        typed: "eyJhbGciOiJFZERTQSJ9.broken".to_owned(),
        errors: vec![FieldError {
            field: "credential",
            text: "The credential is not accepted: it has not three parts.".to_owned(),
        }],
        requests: vec![],
        offers: vec![],
        ..credentials()
    }
}
