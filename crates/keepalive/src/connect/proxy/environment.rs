//! Reads the proxies from the environment.

use std::ffi::OsString;

use super::{Fault, Proxies, Proxy, ProxyError};

/// Each scheme with its variables, in order of precedence.
const SCHEMES: [(&str, &[&str]); 4] = [
    ("http", &["http_proxy"]),
    ("https", &["https_proxy", "HTTPS_PROXY"]),
    ("ws", &["ws_proxy", "WS_PROXY"]),
    ("wss", &["wss_proxy", "WSS_PROXY"]),
];

pub(super) fn read(variable: impl Fn(&str) -> Option<OsString>) -> Result<Proxies, ProxyError> {
    let mut proxies = Proxies::new();
    for (scheme, names) in SCHEMES {
        if let Some(proxy) = proxy(&variable, names)? {
            proxies = proxies.scheme(scheme, proxy);
        }
    }
    if let Some(proxy) = proxy(&variable, &["all_proxy", "ALL_PROXY"])? {
        proxies = proxies.all(proxy);
    }
    if let Some((_, list)) = first(&variable, &["no_proxy", "NO_PROXY"]) {
        proxies = proxies.no_proxy_where_known(&list.to_string_lossy());
    }
    Ok(proxies)
}

/// The proxy in these variables, if one is set.
fn proxy(
    variable: &impl Fn(&str) -> Option<OsString>,
    names: &[&'static str],
) -> Result<Option<Proxy>, ProxyError> {
    let Some((variable, value)) = first(variable, names) else {
        return Ok(None);
    };
    let wrong = |fault| {
        let fault = Box::new(fault);
        ProxyError::from(Fault::Environment { variable, fault })
    };
    let text = value.to_str().ok_or_else(|| wrong(Fault::NotUnicode))?;
    let proxy = text.parse::<Proxy>();
    proxy.map(Some).map_err(|error| wrong(error.fault))
}

/// The first of these variables that is not empty.
fn first(
    variable: &impl Fn(&str) -> Option<OsString>,
    names: &[&'static str],
) -> Option<(&'static str, OsString)> {
    names.iter().find_map(|&name| {
        let value = variable(name).filter(|value| !value.is_empty())?;
        Some((name, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::request::Request;

    fn of(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        |name| {
            let found = variables.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| OsString::from(value))
        }
    }

    fn way(variables: &[(&str, &str)], scheme: &str, address: &str) -> Result<String, String> {
        let proxies = read(of(variables)).map_err(|error| error.to_string())?;
        let request = Request::new(scheme, address, 1).expect("a request");
        let proxy = proxies.of(request.host());
        Ok(proxy.map_or("straight".to_owned(), ToString::to_string))
    }

    #[test]
    fn each_scheme_has_its_variable_and_there_is_one_for_all() {
        let variables = [
            ("http_proxy", "http://h:1"),
            ("HTTPS_PROXY", "s:2"),
            ("all_proxy", "socks5://a:3"),
            ("NO_PROXY", "near.test"),
        ];
        for (scheme, address, expected) in [
            ("http", "far.test", "http://h:1"),
            ("https", "far.test", "http://s:2"),
            ("redis", "far.test", "socks5://a:3"),
            ("http", "near.test", "straight"),
        ] {
            assert_eq!(way(&variables, scheme, address).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn small_letters_win_and_empty_is_not_set() {
        let variables = [
            ("https_proxy", "http://small"),
            ("HTTPS_PROXY", "http://large"),
        ];
        assert_eq!(
            way(&variables, "https", "a.test").as_deref(),
            Ok("http://small:80")
        );
        let variables = [("https_proxy", ""), ("HTTPS_PROXY", "http://large")];
        assert_eq!(
            way(&variables, "https", "a.test").as_deref(),
            Ok("http://large:80")
        );
    }

    #[test]
    fn what_a_server_sets_from_a_header_is_not_read() {
        let variables = [("HTTP_PROXY", "http://evil.test")];
        assert_eq!(way(&variables, "http", "a.test").as_deref(), Ok("straight"));
    }

    #[test]
    fn what_is_wrong_is_named_without_credentials() {
        let error = way(&[("all_proxy", "ftp://me:secret@x")], "a", "a.test").unwrap_err();
        assert!(
            error.contains("all_proxy") && error.contains("\"ftp\""),
            "{error}"
        );
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn an_exception_that_is_none_is_passed_over_and_told() {
        let variables = [
            ("all_proxy", "http://all"),
            ("no_proxy", "10.*, near.test,<local>"),
        ];
        for (address, expected) in [("near.test", "straight"), ("far.test", "http://all:80")] {
            assert_eq!(way(&variables, "a", address).as_deref(), Ok(expected));
        }
        let proxies = read(of(&variables)).expect("proxies");
        assert_eq!(
            proxies.passed_over().collect::<Vec<_>>(),
            ["10.*", "<local>"]
        );
    }

    #[cfg(unix)]
    #[test]
    fn an_exception_that_is_no_text_is_passed_over() {
        use std::os::unix::ffi::OsStringExt;
        let proxies = read(|name: &str| match name {
            "NO_PROXY" => Some(OsString::from_vec(b"near.test,\xff".to_vec())),
            _ => None,
        });
        let proxies = proxies.expect("proxies");
        assert_eq!(proxies.passed_over().collect::<Vec<_>>(), ["\u{fffd}"]);
    }
}
