//! Counters for `/metrics`, by partner and outcome, never by patient.

use std::fmt;
use std::sync::Mutex;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// All counters of one gateway.
pub struct Metrics {
    /// Finished transactions.
    pub transactions: Family<TransactionLabels, Counter>,
    /// How requests were packed.
    pub packagings: Family<PackagingLabels, Counter>,
    /// Documents and bytes that left.
    pub documents: Family<PartnerLabels, Counter>,
    /// Break-glass declarations by what came of them.
    pub break_glass: Family<BreakGlassLabels, Counter>,
    /// Assertions whose ID stood over other octets before.
    pub repeated_ids: Family<PartnerLabels, Counter>,
    /// Requests turned away because too many of the sender's failed.
    pub turned_away: Family<PartnerLabels, Counter>,
    /// Alerts of a sender whose requests fail again and again.
    pub alerts: Family<PartnerLabels, Counter>,
    /// Readings of changed settings, by what came of them.
    pub reloads: Family<ReloadLabels, Counter>,
    /// TLS handshakes that failed.
    pub handshake_failures: Counter,
    /// Connections that ended before any TLS was spoken.
    pub probes: Counter,
    /// When each configured certificate ends, in seconds since 1970.
    pub certificate_ends: Family<CertificateLabels, Gauge>,
    /// What came of asking OCSP responders.
    pub ocsp_answers: Family<ResponderLabels, Counter>,
    /// Connections open now.
    pub connections: Gauge,
    /// Transfers that broke off.
    pub transfers_aborted: Counter,
    /// Documents that other rules labelled, still to be labelled anew.
    pub unclassified: Gauge,
    /// Audit records that a target has not been sent yet.
    pub audit_backlog: Family<TargetLabels, Gauge>,
    /// Audit messages sent to a target since start, repetitions included.
    pub audit_sent: Family<TargetLabels, Gauge>,
    /// The last audit record that a target surely has.
    pub audit_confirmed: Family<TargetLabels, Gauge>,
    /// Audit records too large for a target.
    pub audit_skipped: Family<TargetLabels, Gauge>,
    /// Connections to a target refused or lost since start.
    pub audit_failures: Family<TargetLabels, Gauge>,
    /// Whether a target is connected, 1 or 0.
    pub audit_connected: Family<TargetLabels, Gauge>,
    registry: Mutex<Registry>,
}

/// One transaction's labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TransactionLabels {
    /// `ITI-38` or `ITI-39`.
    pub transaction: &'static str,
    /// The partner's name, `-` where none was recognised.
    pub partner: String,
    /// `success`, `partial`, the reason of a refusal, or `not-recorded` where there was no answer.
    pub outcome: &'static str,
}

/// How a request was packed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PackagingLabels {
    /// `ITI-38` or `ITI-39`.
    pub transaction: &'static str,
    /// The partner's name.
    pub partner: String,
    /// `simple` or `mtom`.
    pub packaging: &'static str,
}

/// A partner.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PartnerLabels {
    /// The partner's name.
    pub partner: String,
}

/// What came of a break-glass declaration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct BreakGlassLabels {
    /// The partner's name.
    pub partner: String,
    /// `override`, `no-effect` or `not-honoured`.
    pub effect: &'static str,
}

/// A configured certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CertificateLabels {
    /// The setting that names it.
    pub setting: String,
    /// The file that holds it.
    pub file: String,
}

/// What came of asking a responder.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ResponderLabels {
    /// Its address, `-` where nobody says whom to ask.
    pub responder: String,
    /// `good`, `revoked`, or why nothing is known.
    pub outcome: &'static str,
}

/// What came of a reload.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReloadLabels {
    /// `adopted` or `refused`.
    pub outcome: &'static str,
}

/// An audit target.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TargetLabels {
    /// The target's name.
    pub target: String,
}

impl Metrics {
    /// New counters, all zero.
    #[must_use]
    pub fn new() -> Self {
        let metrics = Self {
            transactions: Family::default(),
            packagings: Family::default(),
            documents: Family::default(),
            break_glass: Family::default(),
            repeated_ids: Family::default(),
            turned_away: Family::default(),
            alerts: Family::default(),
            reloads: Family::default(),
            handshake_failures: Counter::default(),
            probes: Counter::default(),
            certificate_ends: Family::default(),
            ocsp_answers: Family::default(),
            connections: Gauge::default(),
            transfers_aborted: Counter::default(),
            unclassified: Gauge::default(),
            audit_backlog: Family::default(),
            audit_sent: Family::default(),
            audit_confirmed: Family::default(),
            audit_skipped: Family::default(),
            audit_failures: Family::default(),
            audit_connected: Family::default(),
            registry: Mutex::new(Registry::with_prefix("glassgate")),
        };
        if let Ok(mut registry) = metrics.registry.lock() {
            let r = &mut *registry;
            r.register("transactions", "Finished transactions", metrics.transactions.clone());
            r.register("packagings", "How requests were packed", metrics.packagings.clone());
            r.register("documents", "Documents delivered", metrics.documents.clone());
            r.register("break_glass", "Break-glass declarations", metrics.break_glass.clone());
            for (name, help, family) in [
                ("repeated_ids", "Assertion IDs over other octets", &metrics.repeated_ids),
                ("turned_away", "Requests after too many failures", &metrics.turned_away),
                ("failure_alerts", "Senders that fail again and again", &metrics.alerts),
            ] {
                r.register(name, help, family.clone());
            }
            r.register("reloads", "Readings of changed settings", metrics.reloads.clone());
            r.register(
                "handshake_failures",
                "TLS handshakes that failed",
                metrics.handshake_failures.clone(),
            );
            r.register("probes", "Connections that never spoke TLS", metrics.probes.clone());
            r.register(
                "certificate_not_after_seconds",
                "When a configured certificate ends",
                metrics.certificate_ends.clone(),
            );
            r.register(
                "ocsp_answers",
                "Questions to OCSP responders",
                metrics.ocsp_answers.clone(),
            );
            r.register("connections", "Open connections", metrics.connections.clone());
            r.register(
                "transfers_aborted",
                "Transfers that broke off",
                metrics.transfers_aborted.clone(),
            );
            r.register(
                "unclassified_documents",
                "Documents that await labels by the rules of today",
                metrics.unclassified.clone(),
            );
            for (name, help, target) in [
                ("backlog", "Audit records not yet sent to a target", &metrics.audit_backlog),
                ("sent", "Audit messages sent since start", &metrics.audit_sent),
                ("confirmed", "Last audit record that surely arrived", &metrics.audit_confirmed),
                ("skipped", "Audit records too large for a target", &metrics.audit_skipped),
                ("failures", "Connections refused or lost since start", &metrics.audit_failures),
                ("connected", "Whether a target is connected", &metrics.audit_connected),
            ] {
                r.register(format!("audit_{name}"), help, target.clone());
            }
        }
        metrics
    }

    /// The counters in OpenMetrics text, which Prometheus reads.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let registry = self.registry.lock().map_err(|_| fmt::Error)?;
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_show_with_their_labels() {
        let metrics = Metrics::new();
        let labels = TransactionLabels {
            transaction: "ITI-38",
            partner: "riverside".to_owned(),
            outcome: "success",
        };
        metrics.transactions.get_or_create(&labels).inc();
        let text = metrics.encode().unwrap();
        assert!(text.contains(
            r#"glassgate_transactions_total{transaction="ITI-38",partner="riverside",outcome="success"} 1"#
        ));
    }
}
