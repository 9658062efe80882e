//! `weal person`

use weal_domain::identity::{AccountName, Person, Role};
use weal_node::api::AddPerson;

use super::init::password;
use crate::compose::Setting;
use crate::failure::{Exit, Result};
use crate::print::Table;

/// List the persons of this node and add one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal person add ada --display-name \"Ada Lind\" --role analyst")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Add a person; the password is asked for, or stands in WEAL_PASSWORD.
    #[command(after_help = "Example: weal person add ada --display-name \"Ada Lind\" --role analyst")]
    Add(AddArgs),
    /// List the persons.
    #[command(after_help = "Example: weal person list")]
    List,
}

#[derive(Debug, clap::Args)]
struct AddArgs {
    /// The name to sign in with. It never leaves this node.
    account: AccountName,
    /// The name as others see it; the account name by default.
    #[arg(long)]
    display_name: Option<String>,
    /// What they may do: owner, steward, analyst, data_protection_officer, chief_data_officer, ombudsman,
    /// operator or auditor. May be repeated.
    #[arg(long, required = true, value_parser = role)]
    role: Vec<Role>,
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let client = setting.client()?;
    match args.what {
        What::Add(args) => {
            let body = AddPerson {
                display_name: args.display_name.unwrap_or_else(|| args.account.to_string()),
                password: password(&args.account)?,
                account: args.account,
                roles: args.role,
            };
            let person: Person = client.post("/persons", &body, "adding a person").await?;
            let roles = roles(&person);
            setting.terminal.answer(&person, || format!("Added {} ({roles}).", person.display_name));
        }
        What::List => {
            let persons: Vec<Person> = client.get("/persons", "listing the persons").await?;
            setting.terminal.answer(&persons, || {
                let mut table = Table::new(&["account", "name", "roles"]);
                for person in &persons {
                    table.row([person.account.as_str(), &person.display_name, &roles(person)]);
                }
                table.to_string()
            });
        }
    }
    Ok(Exit::Ok)
}

fn roles(person: &Person) -> String {
    person.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")
}

/// Dashes do as well as underscores.
pub(super) fn role(given: &str) -> Result<Role, String> {
    let name = given.replace('-', "_");
    Role::ALL.into_iter().find(|role| role.as_str() == name).ok_or_else(|| {
        let all: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        format!("there is no role `{given}`; the roles are {}", all.join(", "))
    })
}
