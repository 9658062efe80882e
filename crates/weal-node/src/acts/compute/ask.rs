//! The asker's side: from SQL to the agreement that answers it with the least disclosure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use weal_domain::agreements::{Agreement, AgreementId, Side};
use weal_domain::catalogue::{Mode, ProductName, ProductRef};
use weal_domain::compute::{Budget, Loss};
use weal_domain::identity::{Act, Person};
use weal_domain::ledger::{Fact, Receipt};
use weal_domain::{Refusal, RefusalKind};
use weal_engine::{Question, RowStream, explained, read_question};
use weal_wire::peer::{AlsoUsed, AnswerMessage, BudgetLeft, PreviewMessage, QuestionMessage};

use super::budgets::show;
use super::joining::{Named, joined, not_held};
use crate::acts::exchange::{Line, ReceivedFile, acting_role};
use crate::acts::sha256_hex;
use crate::api::{AlsoUsedShown, Answered, Ask, BudgetShown};
use crate::fault::{Error, Fault, Result};
use crate::house::House;
use crate::peers::answer_lost;

/// Products that one question may join.
const TABLES_MAX: usize = 16;

/// What a question came to: a finished answer, or rows to stream.
#[derive(Debug)]
pub enum Asked {
    Done(Box<Answered>),
    Rows { rows: RowStream, agreements: Vec<String>, receipts: Vec<Receipt>, files: Vec<ReceivedFile> },
}

/// The agreements under which each table of a question can be used.
pub(super) enum Plan {
    /// Asked privately: those that are charged first, all of one owner.
    Private(Vec<Agreement>),
    /// Rows of every product, joined here. Own products need no agreement.
    Rows(Vec<(ProductRef, Option<Agreement>)>),
}

impl House {
    /// Asks a question in SQL. A refusal names the members as people know them.
    pub async fn ask(self: &Arc<Self>, by: &Person, ask: &Ask) -> Result<Asked> {
        self.ask_of_members(by, ask).await.map_err(|cause| match cause {
            Error::Refused(refusal) => self.ecosystem().in_titles(refusal).into(),
            fault @ Error::Fault(_) => fault,
        })
    }

    async fn ask_of_members(self: &Arc<Self>, by: &Person, ask: &Ask) -> Result<Asked> {
        let about = explained(&ask.sql).map(|sql| Ask { sql: sql.to_owned(), preview: true, ..ask.clone() });
        let ask = about.as_ref().unwrap_or(ask);
        let question = read_question(&ask.sql)?;
        let (own, others): (Vec<_>, Vec<_>) =
            question.tables.iter().partition(|table| table.member == self.config.node.name);
        if own.is_empty() || !others.is_empty() {
            self.require_act(by, Act::Ask)?;
        }
        if !own.is_empty() {
            self.require_act(by, Act::ReadRows)?;
        }
        let chosen = chosen_agreements(ask)?;
        if let Some(answered) = self.ask_owners(by, ask, &question, &chosen).await? {
            return Ok(Asked::Done(Box::new(answered)));
        }
        match self.choose(&question, &chosen).await? {
            Plan::Private(agreements) => {
                Ok(Asked::Done(Box::new(self.ask_privately(by, ask, agreements).await?)))
            }
            Plan::Rows(tables) if ask.preview => Ok(Asked::Done(Box::new(preview_of_rows(&tables)?))),
            Plan::Rows(tables) => self.ask_for_rows(by, ask, tables).await,
        }
    }

    /// Picks the lowest rung that answers the question, with the agreements that were chosen for it.
    pub(super) async fn choose(&self, question: &Question, chosen: &[AgreementId]) -> Result<Plan> {
        if question.tables.len() > TABLES_MAX {
            return Err(Refusal::invalid(
                "too-many-tables",
                format!("A question may name up to {TABLES_MAX} products."),
            )
            .into());
        }
        let named = self.holdings(question, chosen).await?;
        if let ([only], true) = (&named[..], question.aggregates)
            && let Some(agreement) = only.private()
        {
            return Ok(Plan::Private(vec![agreement.clone()]));
        }
        if named.len() > 1
            && question.aggregates
            && let Some(agreements) = joined(&named)?
        {
            return Ok(Plan::Private(agreements));
        }
        let mut tables = Vec::new();
        for one in named {
            match one.rows() {
                _ if one.is_own => tables.push((one.table, None)),
                Some(agreement) => tables.push((one.table.clone(), Some(agreement.clone()))),
                None => return Err(rows_not_held(&one.table, one.private(), question).into()),
            }
        }
        Ok(Plan::Rows(tables))
    }

    /// The products of a question with what is held about each. About a product for which one was chosen nothing
    /// else is: whoever chose is charged under no other.
    pub(super) async fn holdings(&self, question: &Question, chosen: &[AgreementId]) -> Result<Vec<Named>> {
        let mut chosen_about: BTreeMap<ProductRef, Vec<AgreementId>> = BTreeMap::new();
        for id in chosen {
            let table = self.table_of_agreement(&question.tables, id).await?;
            let table = table.ok_or_else(|| not_held(id))?;
            chosen_about.entry(table).or_default().push(id.clone());
        }
        let mut named = Vec::new();
        for table in &question.tables {
            let is_own = table.member == self.config.node.name;
            let held = match is_own {
                true => Vec::new(),
                false => self.held(table, chosen_about.get(table).map(Vec::as_slice)).await?,
            };
            named.push(Named { table: table.clone(), held, is_own });
        }
        Ok(named)
    }

    /// The agreements in force with a product's owner about it, lowest rung first; where some were chosen, these.
    async fn held(&self, table: &ProductRef, chosen: Option<&[AgreementId]>) -> Result<Vec<Agreement>> {
        let now = self.clock.now();
        let mut tx = self.store.read("compute.held").await?;
        let owner = tx.member_by_name(&table.member).await?.ok_or_else(|| {
            Refusal::not_found(
                "member-unknown",
                format!("No member of this ecosystem is called {}.", table.member),
            )
            .remedy("See the members with `weal members`, and products with `weal search WORDS`.")
        })?;
        let all = tx.agreements_with(&owner.did, &table.product).await?;
        let about: Vec<Agreement> = all
            .into_iter()
            .filter(|agreement| {
                agreement.side == Side::Consumer
                    && agreement.provider == owner.did
                    && chosen.is_none_or(|ids| ids.contains(&agreement.id))
            })
            .collect();
        let (mut held, ended): (Vec<Agreement>, Vec<Agreement>) =
            about.into_iter().partition(|agreement| agreement.in_force(now).is_ok());
        if held.is_empty() {
            // The newest ended one says best why there is none now.
            if let Some(refusal) = ended.first().and_then(|agreement| agreement.in_force(now).err()) {
                return Err(refusal.into());
            }
            return Err(Refusal::forbidden(
                "agreement-missing",
                format!("You hold no agreement about {table}."),
            )
            .remedy(format!("Request one: `weal request {table} --mode statistics --purpose PURPOSE`."))
            .changed_by(format!("the steward of {}", owner.title))
            .into());
        }
        held.sort_by_key(|agreement| agreement.mode);
        Ok(held)
    }

    /// From sending on, a question runs to its end whether the asker still listens or not: the owner may
    /// have charged and sealed it already, and then our ledger holds our half (`GT-2`).
    pub(super) async fn ask_privately(
        self: &Arc<Self>,
        by: &Person,
        ask: &Ask,
        agreements: Vec<Agreement>,
    ) -> Result<Answered> {
        let mut lines = Vec::new();
        for agreement in &agreements {
            lines.push(self.line(agreement).await?);
        }
        let (house, by, ask) = (Arc::clone(self), by.clone(), ask.clone());
        let sent = tokio::spawn(async move { house.send_question(&by, &ask, &agreements, &lines).await });
        sent.await.map_err(|cause| Fault::new("asking a question", cause))?
    }

    /// Goes over the first line, and names the others.
    async fn send_question(
        &self,
        by: &Person,
        ask: &Ask,
        agreements: &[Agreement],
        lines: &[Line],
    ) -> Result<Answered> {
        let none = || Fault::new("asking a question", "there is no agreement to ask under");
        let (agreement, others) = agreements.split_first().ok_or_else(none)?;
        let (line, also) = lines.split_first().ok_or_else(none)?;
        let provider = &agreement.provider;
        let role = acting_role(agreements, by);
        let message = QuestionMessage {
            sql: ask.sql.clone(),
            person: self.pseudonym(by),
            role,
            loss: ask.loss,
            preview: ask.preview,
            also: also.iter().map(Line::message).collect(),
        };
        let authorization = self.authorization_for(provider)?;
        let url = format!("{}/question", line.address.endpoint);
        let request = self.peers.question(provider, &url, &authorization)?;
        let request = self.over(request, &line.address, by, role).json(&message);
        let reply = self.peers.ask(request, provider).await?;
        reply.check(provider)?;
        if ask.preview {
            let preview: PreviewMessage = reply.accept(provider)?;
            let left = |agreement: &Agreement, left: BudgetLeft| {
                left_shown(agreement, left.before, left.usual.unwrap_or(preview.preview.loss))
            };
            let also = others.iter().zip(&preview.also);
            let also = also.filter_map(|(agreement, budget)| {
                Some(BudgetShown { name: agreement.product.to_string(), ..left(agreement, (*budget)?) })
            });
            return Ok(Answered::Preview {
                agreement: agreement.id.to_string(),
                budget: Some(left(agreement, preview.budget)),
                also: also.collect(),
                preview: preview.preview,
                given_before: preview.given_before,
            });
        }
        let answer = AnswerMessage::parse(&reply.body)
            .map_err(|_| answer_lost(provider, "sent an answer this node cannot read"))?;
        self.take_in(agreements, by, ask, answer).await
    }

    /// Believes an answer only with receipts that fit and proofs that verify, one of each product; then remembers
    /// the uses.
    async fn take_in(
        &self,
        agreements: &[Agreement],
        by: &Person,
        ask: &Ask,
        message: AnswerMessage,
    ) -> Result<Answered> {
        let AnswerMessage { answer, receipt, ledger, budget, cut, also } = message;
        let (question, answered) = (sha256_hex(&ask.sql), sha256_hex(answer.text()));
        let lead = AlsoUsed { receipt, ledger, budget: Some(budget) };
        let uses: Vec<AlsoUsed> = [lead].into_iter().chain(also).collect();
        if uses.len() != agreements.len() {
            let provider = agreements.first().map(|agreement| &agreement.provider);
            let provider = provider.ok_or_else(|| Fault::new("taking an answer in", "nobody was asked"))?;
            return Err(answer_lost(provider, "sent another number of receipts than of products").into());
        }
        let names: BTreeSet<ProductName> = agreements.iter().map(|one| one.product.clone()).collect();
        for (agreement, used) in agreements.iter().zip(&uses) {
            let receipt = used.receipt.value();
            let joined_with: Vec<ProductName> =
                names.iter().filter(|name| **name != agreement.product).cloned().collect();
            let digests = (Some(question.as_str()), Some(answered.as_str()));
            self.check_receipt(agreement, &joined_with, receipt, by, digests)?;
            self.check_proof(&agreement.provider, &used.ledger, receipt).await?;
        }
        let receipts: Vec<_> = uses.iter().map(|used| (used.receipt.value(), used.ledger.index)).collect();
        self.keep_receipts(&receipts).await?;
        let answer = answer.into_value();
        let used = |(agreement, used): (&Agreement, AlsoUsed)| {
            let budget = used.budget.map(|BudgetLeft { before, after, usual }| {
                let price = usual.unwrap_or(answer.loss);
                (left_shown(agreement, before, price), left_shown(agreement, after, price))
            });
            let (budget_before, budget_after) = budget.unzip();
            AlsoUsedShown {
                agreement: agreement.id.to_string(),
                receipt: used.receipt.into_value(),
                provider_index: used.ledger.index,
                budget_before,
                budget_after,
            }
        };
        let mut shown = agreements.iter().zip(uses).map(used);
        let nobody = || Fault::new("taking an answer in", "nobody was asked");
        let lead = shown.next().ok_or_else(nobody)?;
        let also = shown.collect();
        let (before, after) = lead.budget_before.zip(lead.budget_after).ok_or_else(nobody)?;
        Ok(Answered::Statistics {
            agreement: lead.agreement,
            purpose: lead.receipt.purpose.clone(),
            budget_before: before,
            budget_after: after,
            answer,
            cut,
            receipt: lead.receipt,
            provider_index: lead.provider_index,
            also,
        })
    }

    async fn ask_for_rows(
        self: &Arc<Self>,
        by: &Person,
        ask: &Ask,
        tables: Vec<(ProductRef, Option<Agreement>)>,
    ) -> Result<Asked> {
        let (mut files, mut sources) = (Vec::new(), Vec::new());
        let (mut receipts, mut agreements) = (Vec::new(), Vec::new());
        for (table, agreement) in tables {
            match agreement {
                Some(agreement) => {
                    let (file, receipt) = self.fetch_rows(&agreement, by).await?;
                    sources.push((table, file.path().to_owned()));
                    files.push(file);
                    receipts.push(receipt);
                    agreements.push(agreement.id.to_string());
                }
                None => sources.push((table.clone(), self.own_file(by, ask, &table).await?)),
            }
        }
        let rows = self.engine.query(&ask.sql, &sources).await?;
        Ok(Asked::Rows { rows, agreements, receipts, files })
    }

    /// Rows of an own product need no agreement and pass no gate; that they were read is sealed all the same,
    /// before the first of them is (`GT-2`).
    async fn own_file(&self, by: &Person, ask: &Ask, table: &ProductRef) -> Result<PathBuf> {
        let role = self.require_act(by, Act::ReadRows)?;
        let mut tx = self.store.write("compute.own").await?;
        let stored = tx.product(&table.product).await?;
        let stored = stored.ok_or_else(|| {
            Refusal::not_found(
                "product-unknown",
                format!("You have not published a product {}.", table.product),
            )
            .remedy("List your own with `weal products`.")
        })?;
        let fact = Fact::OwnRowsRead {
            product: stored.product.name,
            version: stored.product.version,
            question_sha256: sha256_hex(&ask.sql),
        };
        self.remember(&mut tx, &self.actor(Some((by, role))), vec![fact]).await?;
        tx.commit().await?;
        Ok(self.folder.path().join(stored.path))
    }
}

/// The agreements that the asker chose, where several would do.
fn chosen_agreements(ask: &Ask) -> Result<Vec<AgreementId>, Refusal> {
    let ids: Vec<&str> = ask.agreement.iter().flat_map(|ids| ids.split(',')).map(str::trim).collect();
    if ids.len() > TABLES_MAX {
        let reason = format!("A question may be asked under up to {TABLES_MAX} agreements.");
        return Err(Refusal::invalid("too-many-agreements", reason).remedy("Name one for each product."));
    }
    let ids = ids.into_iter().map(str::parse::<AgreementId>).collect::<Result<_, _>>();
    ids.map_err(|cause| Refusal::invalid("agreement-id", format!("{cause}")))
}

/// What an account has left, for people; the owner's totals are the owner's own. `price` is what a question costs
/// where it asks for nothing else.
fn left_shown(agreement: &Agreement, left: Loss, price: Loss) -> BudgetShown {
    let granted = agreement.terms.budget.unwrap_or(left);
    let budget = Budget { spent: granted.saturating_sub(left), ..Budget::granted(granted) };
    show(format!("agreement:{}", agreement.id), budget, Some(price))
}

fn preview_of_rows(tables: &[(ProductRef, Option<Agreement>)]) -> Result<Answered> {
    let names: Vec<String> = tables.iter().map(|(table, _)| table.to_string()).collect();
    let preview = weal_domain::compute::Preview {
        loss: Loss::default(),
        cut: None,
        columns: Vec::new(),
        half_widths: Vec::new(),
        shown_from: None,
        explanation: vec![
            format!(
                "The rows of {} are fetched as the agreement permits, and the question is answered here.",
                names.join(" and ")
            ),
            "It costs no privacy budget. Each fetch is recorded in both ledgers.".into(),
        ],
        advice: Vec::new(),
        releases: Vec::new(),
        drawing: None,
    };
    let agreement = tables.iter().find_map(|(_, agreement)| agreement.as_ref());
    let agreement = agreement.map(|agreement| agreement.id.to_string()).unwrap_or_default();
    Ok(Answered::Preview { agreement, preview, budget: None, also: Vec::new(), given_before: false })
}

/// Rows were asked for and are not held: name the rung that would answer.
fn rows_not_held(table: &ProductRef, private: Option<&Agreement>, question: &Question) -> Refusal {
    let refusal = Refusal::new(
        RefusalKind::Forbidden,
        "rows-not-agreed",
        format!("Your agreement about {table} does not let its rows leave the owner's node."),
    )
    .changed_by("the owner's steward");
    match private {
        Some(_) if question.tables.len() > 1 => refusal.instead(Mode::Statistics).remedy(
            "Join products of this owner with COUNT, SUM or AVG and GROUP BY: that is answered privately.",
        ),
        Some(_) => refusal.instead(Mode::Statistics).remedy(
            "Ask with COUNT, SUM or AVG and GROUP BY: your agreement answers that as a private statistic.",
        ),
        None => {
            refusal.remedy(format!("Request rows: `weal request {table} --mode extract --purpose PURPOSE`."))
        }
    }
}
