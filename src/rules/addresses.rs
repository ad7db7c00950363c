//! The form of what a request is addressed by: the URL of an endpoint, the name of a region.
//!
//! The SDK takes any text for both, and panics or prints a whole request once a call is made with a bad one.

/// An endpoint's URL, if the text has the form of one.
///
/// # Errors
/// What it lacks. The text itself is not told: a URL may hold a password.
pub fn endpoint_url(text: &str) -> Result<String, String> {
    let scheme = text
        .split_once("://")
        .filter(|(scheme, _)| ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)));
    let Some((_, rest)) = scheme else {
        return Err("it has to begin with `http://` or `https://`".to_owned());
    };
    if !rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte)) {
        return Err("it has a character that no URL has".to_owned());
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    let (host, port) = match place.strip_prefix('[') {
        Some(v6) => {
            let Some((host, port)) = v6.split_once(']') else {
                return Err("its host begins with `[`, and no `]` ends it".to_owned());
            };
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Err("what stands in `[…]` is no IPv6 address".to_owned());
            }
            (host, port)
        }
        None => place.split_at(place.find(':').unwrap_or(place.len())),
    };
    if host.is_empty() {
        return Err("it has no host".to_owned());
    }
    if !(port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())) {
        return Err("its port is no number up to 65535".to_owned());
    }
    Ok(text.to_owned())
}

/// A region's name, if the text has the form of one. Which regions there are is AWS's to say: new ones come.
///
/// # Errors
/// What form a region has.
pub fn region(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let edged = text.starts_with('-') || text.ends_with('-');
    if text.is_empty() || text.len() > 63 || edged || !text.bytes().all(plain) {
        return Err("a region has letters, digits and hyphens, such as `eu-west-1`".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_scheme_a_host_and_perhaps_a_port() {
        for url in [
            "http://127.0.0.1:5600",
            "https://sts.eu-west-1.amazonaws.com",
            "HTTPS://example.com/path?a=b",
            "http://[::1]:4566/",
            "http://user:p%40ss@localhost:1",
        ] {
            assert_eq!(endpoint_url(url).as_deref(), Ok(url));
        }
        for (url, why) in [
            ("", "begin with"),
            ("bogus", "begin with"),
            ("localhost:4566", "begin with"),
            ("ftp://example.com", "begin with"),
            ("http://", "no host"),
            ("http:///path", "no host"),
            ("http://:80", "no host"),
            ("http://a b", "a character"),
            ("http://ä.example", "a character"),
            ("http://a:99999", "port"),
            ("http://a:b", "port"),
            ("http://[::1", "`]`"),
            ("http://[x]", "IPv6"),
            ("http://[::1]80", "port"),
        ] {
            let said = endpoint_url(url).unwrap_err();
            assert!(said.contains(why), "{url}: {said}");
        }
    }

    #[test]
    fn a_region_has_the_form_of_a_region_and_need_not_be_known() {
        for name in ["us-east-1", "eu-isoe-west-1", "mars-north-1", "local"] {
            assert_eq!(region(name).as_deref(), Ok(name));
        }
        for name in ["", "bogus!", "us east", "-us", "us-", "us_east_1", "a.b", &"a".repeat(64)] {
            assert!(region(name).is_err(), "{name}");
        }
    }
}
