//! The servers that matter, the way to them, and our clock beside theirs.

use std::thread;
use std::time::Duration;

use doorkey_blocking::{Clock as _, HttpTransport, Obstacle, ProxySettings, SystemClock};
use doorkey_core::failure::Exit;
use doorkey_core::http_date::answered_at;
use doorkey_core::text::harmless;
use doorkey_core::time::WallTime;

use super::finding::{Check, Finding};
use super::{Host, Subject};
use crate::environment::Environment;

/// How long one server may take. All are asked at the same time.
const LIMIT: Duration = Duration::from_secs(5);
/// A clock that is so wrong is told: no less than the margin at which sessions are renewed.
const SKEW: Duration = Duration::from_secs(60);

/// What one server said.
struct Heard {
    finding: Finding,
    /// How far our clock is from its clock, if it told the time.
    skew: Option<Duration>,
}

/// Looks at the proxy settings; without `offline`, also at the servers and the clock. `found` is what is known by now:
/// without certificates, no server is asked by TLS.
pub fn look(environment: &Environment, subject: &Subject, found: &[Finding], offline: bool) -> Vec<Finding> {
    let proxies = environment.proxies();
    let mut findings = vec![proxy(&proxies, &subject.hosts)];
    if offline {
        findings.push(Finding::note(Check::Network, "skipped", "no server is asked"));
        return findings;
    }
    let no_tls = found.iter().any(|finding| finding.check == Check::Certificates && finding.is_problem());
    let can_be_asked = |host: &&Host| {
        let origin = host.url.origin();
        proxies.check(origin).is_ok() && !(no_tls && origin.is_https())
    };
    let hosts: Vec<&Host> = subject.hosts.iter().filter(can_be_asked).collect();
    let heard: Vec<Heard> = thread::scope(|scope| {
        let start = |host| {
            let (proxies, user_agent) = (proxies.clone(), subject.user_agent);
            scope.spawn(move || ask(host, proxies, user_agent))
        };
        let asked: Vec<_> = hosts.into_iter().map(start).collect();
        asked.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    findings.extend(heard.iter().find_map(|heard| heard.skew).map(clock));
    findings.extend(heard.into_iter().map(|heard| heard.finding));
    findings
}

fn proxy(proxies: &ProxySettings, hosts: &[Host]) -> Finding {
    let unusable = hosts.iter().find_map(|host| proxies.check(host.url.origin()).err());
    match (unusable, &proxies.proxy) {
        (Some(why), _) => Finding::problem(
            Check::Proxy,
            Exit::Usage,
            "unusable_proxy",
            why.to_string(),
            format!("correct or unset {}", why.variable),
        ),
        (None, Some((variable, _))) => Finding::ok(Check::Proxy, format!("{variable} can be used")),
        (None, None) => Finding::ok(Check::Proxy, "none is set"),
    }
}

fn ask(host: &Host, proxies: ProxySettings, user_agent: &str) -> Heard {
    let origin = host.url.origin();
    let by_proxy = matches!(proxies.for_origin(origin), Ok(Some(_)));
    let variable = proxies.proxy.as_ref().filter(|_| by_proxy).map(|(variable, _)| variable.clone());
    let before = SystemClock.now().wall;
    match HttpTransport::new(proxies, user_agent).reach(&host.url, LIMIT) {
        Ok(answer) => {
            let date = answered_at(&answer).filter(|_| !host.only_pages);
            Heard {
                finding: Finding::ok(Check::Network, format!("{origin} answers")),
                skew: date.map(|date| skew(before, SystemClock.now().wall, date)),
            }
        }
        Err((obstacle, detail)) => {
            let found = unreachable(&origin.to_string(), variable.as_deref(), obstacle, &harmless(&detail));
            Heard { finding: if host.only_pages { found.as_warning() } else { found }, skew: None }
        }
    }
}

/// What is in the way, under its own code and with its own remedy.
fn unreachable(origin: &str, proxy: Option<&str>, obstacle: Obstacle, detail: &str) -> Finding {
    let (code, remedy) = match (obstacle, proxy) {
        (Obstacle::Proxy, Some(variable)) => ("proxy_refused", format!("check {variable}")),
        (Obstacle::Name | Obstacle::Refused, Some(variable)) => {
            ("proxy_unreachable", format!("check {variable}, and whether that proxy runs"))
        }
        (Obstacle::Name, _) => ("host_not_found", "check the network and its name servers (DNS)".to_owned()),
        (Obstacle::Refused, _) => (
            "connection_refused",
            "check whether a firewall is in the way, or a wrong address is set".to_owned(),
        ),
        (Obstacle::Silence, _) => {
            ("no_answer", "check whether a firewall is in the way, or a proxy must be set".to_owned())
        }
        (Obstacle::Tls, _) => (
            "tls_failed",
            "if a proxy opens connections here, set SSL_CERT_FILE to its authority's certificate".to_owned(),
        ),
        _ => ("network", "check the network".to_owned()),
    };
    let by = proxy.map(|variable| format!(" by {variable}")).unwrap_or_default();
    Finding::problem(
        Check::Network,
        Exit::Network,
        code,
        format!("{origin} cannot be reached{by}: {detail}"),
        remedy,
    )
}

fn clock(skew: Duration) -> Finding {
    if skew < SKEW {
        return Finding::ok(Check::Clock, "it agrees with the server's");
    }
    let seconds = skew.as_secs();
    let message = format!("this machine's clock is {seconds} s away from the server's");
    Finding::warning(Check::Clock, "clock_skew", message, "set the clock, or switch on its synchronisation")
}

/// How far our clock surely is from one that told `date`, in whole seconds rounded down, while ours went from `before`
/// to `after`.
fn skew(before: WallTime, after: WallTime, date: WallTime) -> Duration {
    let [before, after, date] = [before, after, date].map(WallTime::as_unix_millis);
    let ahead = before.saturating_sub(date.saturating_add(1_000));
    let behind = date.saturating_sub(after);
    Duration::from_millis(ahead.max(behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_told_from_a_minute_on() {
        let at = WallTime::from_unix_millis;
        for (before, after, date, expected) in [
            (100_000, 100_200, 100_000, 0),
            (100_900, 100_950, 100_000, 0),
            (100_000, 105_000, 103_000, 0),
            (161_000, 161_500, 100_000, 60_000),
            (160_999, 161_500, 100_000, 59_999),
            (40_000, 41_000, 101_000, 60_000),
            (40_000, 42_000, 101_000, 59_000),
        ] {
            let found = skew(at(before), at(after), at(date));
            assert_eq!(found, Duration::from_millis(expected), "{before} {after} {date}");
            assert_eq!(clock(found).advice().is_some(), expected >= 60_000);
        }
    }

    #[test]
    fn every_obstacle_has_a_code_and_a_remedy_of_its_own() {
        use Obstacle::{Name, Other, Proxy, Refused, Silence, Tls};
        for (obstacle, direct, proxied) in [
            (Name, "host_not_found", "proxy_unreachable"),
            (Refused, "connection_refused", "proxy_unreachable"),
            (Silence, "no_answer", "no_answer"),
            (Tls, "tls_failed", "tls_failed"),
            (Proxy, "network", "proxy_refused"),
            (Other, "network", "network"),
        ] {
            for (variable, code) in [(None, direct), (Some("HTTPS_PROXY"), proxied)] {
                let found = unreachable("https://api.example", variable, obstacle, "why");
                assert_eq!(found.advice().unwrap().code, code, "{obstacle:?}");
            }
        }
    }
}
