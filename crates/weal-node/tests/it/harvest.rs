//! What anybody may read of the catalogue without being asked who they are.

use weal_domain::catalogue::{Classification, Mode, Terms};
use weal_node::api::MakeOffer;
use weal_testkit::{Federation, MemberNode, open_terms, paper, wire};

/// A product on paper, offered under these terms where there are any.
async fn publishes(node: &MemberNode, name: &str, classification: Classification, terms: Option<Terms>) {
    let house = node.house();
    let mut product = paper(name, house.clock.now());
    product.classification = classification;
    let product_name = product.name.clone();
    let stored = weal_store::StoredProduct {
        path: format!("products/{name}/1.parquet"),
        content_sha256: "0".repeat(64),
        product,
    };
    let mut tx = house.store.write("test.paper").await.expect("a transaction");
    tx.put_product(&stored).await.expect("it is kept");
    tx.commit().await.expect("it is kept");
    if let Some(terms) = terms {
        let make = MakeOffer { product: product_name, mode: Mode::Metadata, terms };
        house.make_offer(&node.person, make).await.expect("it is offered");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn harvesters_see_what_is_open_and_offered_to_everyone() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    let some = Terms { recipients: vec![federation.member("education").did()], ..open_terms() };
    let revenue = federation.member("revenue");
    publishes(revenue, "holidays", Classification::Open, Some(open_terms())).await;
    publishes(revenue, "for_education", Classification::Open, Some(some)).await;
    publishes(revenue, "unoffered", Classification::Open, None).await;
    publishes(revenue, "rosters", Classification::Internal, Some(open_terms())).await;
    publishes(revenue, "payslips", Classification::Personal, Some(open_terms())).await;

    let shown = async |node: &MemberNode, form: &str| {
        let reply = wire::get(&format!("{}/catalogue.{form}", node.origin()), None).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let names = ["holidays", "for_education", "unoffered", "rosters", "payslips"];
        let landing = format!("{}/catalogue/revenue/holidays", node.origin());
        assert!(reply.text.contains(&landing), "an address that this node has: {}", reply.text);
        names.into_iter().filter(|name| reply.text.contains(name)).collect::<Vec<_>>()
    };
    assert_eq!(shown(revenue, "ttl").await, ["holidays"]);
    assert_eq!(shown(revenue, "jsonld").await, ["holidays"]);
    let contract = async |name: &str| {
        wire::get(&format!("{}/contracts/{name}", federation.member("revenue").origin()), None).await
    };
    let open = contract("holidays").await;
    assert_eq!((open.status, open.media_type.as_str()), (200, weal_wire::odcs::MEDIA_TYPE_YAML));
    assert!(open.text.contains("inhabitants") && !open.text.contains("wealPrivacy"), "{}", open.text);
    for closed in ["for_education", "unoffered", "rosters", "payslips", "nothing", "NO NAME"] {
        assert_eq!(contract(closed).await.status, 404, "{closed}");
    }

    federation.member_mut("revenue").stops().await;
    federation.member_mut("revenue").config_mut().catalogue.public_up_to = Classification::Internal;
    federation.member_mut("revenue").starts().await;
    assert_eq!(shown(federation.member("revenue"), "ttl").await, ["holidays", "rosters"]);
}
