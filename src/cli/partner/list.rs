use std::process::ExitCode;

use clap::Args;

use crate::cli::{ConfigFile, Failed, read, say};
use crate::policy::Etreat;
use crate::purpose::Purpose;

/// Lists the partners: their communities, issuers and agreed purposes.
///
/// Try: glassgate partner list --config ./glassgate-demo/glassgate.toml
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// Print one JSON object a partner.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> Result<ExitCode, Failed> {
    let terms = read(&options.file.config)?.terms;
    let mut lines =
        vec![["NAME", "COMMUNITIES", "ISSUERS", "PURPOSES", "ETREAT"].map(String::from)];
    for partner in &terms.trust.settings().partners {
        let agreement = terms.policy.agreements.iter().find(|a| a.partner == partner.name);
        let purposes: Vec<&str> =
            agreement.iter().flat_map(|a| &a.purposes).copied().map(Purpose::code).collect();
        let etreat = match agreement.map(|a| a.etreat) {
            Some(Etreat::BreakGlass) => "break-glass",
            _ => "treatment",
        };
        let communities: Vec<String> =
            partner.communities.iter().map(ToString::to_string).collect();
        let second = partner.relationship.iter().flat_map(|agreed| &agreed.issuers);
        let second: Vec<String> = second.cloned().collect();
        if options.json {
            let object = serde_json::json!({
                "name": partner.name, "communities": communities, "issuers": partner.issuers,
                "relationship_issuers": second, "purposes": purposes, "etreat": etreat,
            });
            say(&object.to_string());
        }
        lines.push([
            partner.name.clone(),
            communities.join(" "),
            [partner.issuers.clone(), second].concat().join(" "),
            purposes.join(" "),
            etreat.to_owned(),
        ]);
    }
    if !options.json {
        table(&lines);
    }
    Ok(ExitCode::SUCCESS)
}

/// Columns as wide as their widest cell.
fn table<const N: usize>(lines: &[[String; N]]) {
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        say(cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}
