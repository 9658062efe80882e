//! What the kit is told about the node, and what each of its tests shall ask about.

use std::fmt::Write as _;
use std::net::SocketAddr;

use weal_domain::catalogue::Mode;
use weal_node::House;
use weal_node::http::catalogue::DSP_PATH;
use weal_wire::catalogue::format_of;

use super::script::{ASKED_BY_US, LINES_OF_OURS, LINES_OF_THEIRS, OFFERED_BY_US, property};
use super::{seed, signals};

/// How long the kit waits for what it expects of the node.
const WAIT_S: u32 = 60;

pub(super) fn of(house: &House, kit: SocketAddr, word: &str, signals: &str) -> String {
    let origin = &house.config.node.origin;
    let own = [
        ("debug", "true".to_owned()),
        ("ansi", "false".to_owned()),
        ("launcher", "org.eclipse.dataspacetck.dsp.system.DspSystemLauncher".to_owned()),
        ("host", kit.ip().to_string()),
        ("port", kit.port().to_string()),
        ("callback.address", format!("http://{kit}")),
        ("dsp.local.connector", "false".to_owned()),
        ("dsp.default.wait", WAIT_S.to_string()),
        ("dsp.connector.agent.id", house.did.to_string()),
        ("dsp.connector.http.url", format!("{origin}{DSP_PATH}")),
        ("dsp.connector.http.base.url", origin.clone()),
        ("dsp.connector.http.headers.authorization", word.to_owned()),
        ("dsp.connector.negotiation.initiate.url", format!("{signals}{}", signals::NEGOTIATE)),
        ("dsp.connector.transfer.initiate.url", format!("{signals}{}", signals::TRANSFER)),
    ];
    let mut lines = String::new();
    let mut put = |name: String, value: &str| {
        // Writing to a String does not fail.
        let _ = writeln!(lines, "{name}={value}");
    };
    for (name, value) in own {
        put(format!("dataspacetck.{name}"), &value);
    }
    for (test, dataset) in seed::CATALOGUED {
        put(format!("{}_DATASETID", property(test)), dataset);
    }
    put("CAT_01_03_DATASETID".into(), "CAT0103");
    for part in OFFERED_BY_US {
        put(format!("{}_DATASETID", property(part.test)), &part.about());
        put(format!("{}_OFFERID", property(part.test)), &seed::offer_id(&part.about()));
    }
    for part in ASKED_BY_US {
        put(format!("{}_DATASETID", property(part.test)), &part.about());
    }
    for part in LINES_OF_OURS.iter().chain(LINES_OF_THEIRS) {
        put(format!("{}_AGREEMENTID", property(part.test)), &part.about());
        put(format!("{}_FORMAT", property(part.test)), &format_of(Mode::Extract));
    }
    lines
}
