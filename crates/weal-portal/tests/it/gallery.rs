//! Every page with a realistic view, written to `$CARGO_TARGET_DIR/portal-gallery` to be looked at.

pub(crate) mod acting;
pub(crate) mod finding;
pub(crate) mod notices;

use std::fs;
use std::path::PathBuf;

use weal_portal::style;

const PAGE_BYTES_MAX: usize = 100_000;

/// A page of the gallery: the file's name and the document.
pub(crate) type Page = (&'static str, String);

pub(crate) fn pages() -> Vec<Page> {
    [finding::pages(), acting::pages(), notices::pages()].concat()
}

fn folder() -> PathBuf {
    // The test binary stands in `<target>/<profile>/deps`.
    let binary = std::env::current_exe().unwrap();
    binary.ancestors().nth(3).unwrap().join("portal-gallery")
}

#[test]
fn every_page_is_whole_and_light() {
    let folder = folder();
    for asset in style::assets() {
        let file = folder.join(asset.path.trim_start_matches('/'));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, asset.body).unwrap();
    }
    let pages = pages();
    for (name, page) in &pages {
        fs::write(folder.join(format!("{name}.html")), page).unwrap();
        assert!(page.len() < PAGE_BYTES_MAX, "{name} has {} bytes", page.len());
        assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\" dir=\"ltr\">"), "{name}");
        assert_eq!(page.matches("<h1").count(), 1, "{name}: one h1");
        assert_eq!(page.matches("<main").count(), 1, "{name}: one main");
        assert!(page.contains("href=\"#main\""), "{name}: a skip link");
    }
    let names: Vec<&str> = pages.iter().map(|(name, _)| *name).collect();
    fs::write(folder.join("pages.json"), serde_json::to_string(&names).unwrap()).unwrap();
    eprintln!("{} pages in {}", names.len(), folder.display());
}

#[test]
fn nothing_runs_and_nothing_comes_from_elsewhere() {
    for (name, page) in pages() {
        for forbidden in [
            "<script",
            " style=",
            " onclick",
            "javascript:",
            "<iframe",
            "<img",
            "src=\"http",
            "<link rel=\"stylesheet\" href=\"http",
        ] {
            assert!(!page.contains(forbidden), "{name} contains {forbidden}");
        }
    }
}

#[test]
fn every_form_that_posts_carries_the_csrf_field() {
    for (name, page) in pages() {
        for form in page.split("<form ").skip(1) {
            let form = form.split("</form>").next().unwrap();
            if form.starts_with("method=\"post\"") || form.contains("method=\"post\"") {
                assert!(form.contains("name=\"csrf\""), "{name}: {form}");
            }
        }
    }
}

#[test]
fn every_id_is_unique_and_every_reference_leads_somewhere() {
    for (name, page) in pages() {
        let values = |attribute: &str| -> Vec<String> {
            let start = format!(" {attribute}=\"");
            page.split(&start).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
        };
        let mut ids = values("id");
        ids.sort();
        let twice = ids.windows(2).find(|pair| pair[0] == pair[1]);
        assert!(twice.is_none(), "{name}: the id {twice:?} stands twice");
        let mut wanted: Vec<String> = values("for");
        for attribute in ["aria-labelledby", "aria-describedby"] {
            wanted.extend(
                values(attribute)
                    .iter()
                    .flat_map(|value| value.split(' ').map(str::to_owned).collect::<Vec<_>>()),
            );
        }
        wanted
            .extend(values("href").into_iter().filter_map(|href| href.strip_prefix('#').map(str::to_owned)));
        for id in wanted {
            assert!(ids.contains(&id), "{name}: nothing has the id {id}");
        }
    }
}

#[test]
fn every_number_with_an_interval_has_a_bar_with_its_whiskers_and_totals_have_none() {
    let page = pages().into_iter().find(|(name, _)| *name == "ask-answer-totals").unwrap().1;
    // Two columns, one of them computed from others, of six groups; three subtotals and a total are in the table alone.
    assert_eq!(page.matches("<figure class=\"chart\"").count(), 2);
    assert_eq!(page.matches("<rect class=\"estimate\"").count(), 12);
    assert_eq!(page.matches("<line class=\"whisker\"").count(), 3 * 12);
    let table = page.split("<table").nth(1).unwrap().split("</table>").next().unwrap();
    assert_eq!(table.matches("<tr").count(), 1 + 10);
    assert_eq!(table.matches("<em>All</em>").count(), 5, "what is a total says of what");
    assert_eq!(table.matches("class=\"interval\"").count(), 20);
}

#[test]
fn an_answer_of_several_owners_shows_what_each_charged_and_where_its_receipt_is() {
    let of = |wanted: &str| pages().into_iter().find(|(name, _)| *name == wanted).unwrap().1;
    let (one, two) = (of("ask-answer"), of("ask-answer-owners"));
    for owner in [crate::samples::revenue(), crate::samples::education()] {
        assert!(two.contains(&format!("<h3>From {}: ", owner.title)), "{} is named", owner.title);
    }
    assert_eq!(one.matches("<h3>From ").count(), 0);
    assert_eq!(two.matches("In the owner\u{2019}s ledger").count(), 2);
}
