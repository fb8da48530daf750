//! Internationalised host names: their ASCII form, for a hint, and the scripts they use.

/// Returns a host name in the form that DNS uses: `bücher.example` as `xn--bcher-kva.example`.
///
/// It converts to lower case only; RFC 5891 asks for more, which a hint does not need.
pub(crate) fn to_ascii(host: &str) -> String {
    let host = host.to_lowercase();
    let labels = host.split('.').map(|label| match label.is_ascii() {
        true => label.to_owned(),
        false => format!("xn--{}", encode(label)),
    });
    labels.collect::<Vec<_>>().join(".")
}

/// Encodes one label by RFC 3492, section 6.3, with its names and constants.
fn encode(label: &str) -> String {
    let mut output: String = label.chars().filter(char::is_ascii).collect();
    let basic = output.len() as u64;
    if basic > 0 {
        output.push('-');
    }
    let input: Vec<_> = label.chars().map(u64::from).collect();
    let (mut n, mut delta, mut bias, mut handled) = (128, 0, 72, basic);
    while let Some(next) = input.iter().copied().filter(|&c| c >= n).min() {
        delta += (next - n) * (handled + 1);
        n = next;
        for &c in &input {
            delta += u64::from(c < n);
            if c == n {
                let mut q = delta;
                for k in (36_u64..).step_by(36) {
                    let t = k.saturating_sub(bias).clamp(1, 26);
                    if q < t {
                        break;
                    }
                    output.push(digit(t + (q - t) % (36 - t)));
                    q = (q - t) / (36 - t);
                }
                output.push(digit(q));
                handled += 1;
                bias = adapt(delta, handled, handled == basic + 1);
                delta = 0;
            }
        }
        delta += 1;
        n += 1;
    }
    output
}

/// Returns two scripts that one label of a host mixes and that have look-alike letters, as in
/// `gіthub.com` with a Cyrillic `і`.
pub(crate) fn mixed_scripts(host: &str) -> Option<(&'static str, &'static str)> {
    host.split('.').find_map(|label| {
        let decoded = label.strip_prefix("xn--").and_then(decode);
        let mut scripts = decoded
            .as_deref()
            .unwrap_or(label)
            .chars()
            .filter_map(script);
        let first = scripts.next()?;
        Some((first, scripts.find(|&script| script != first)?))
    })
}

/// Returns the script of a letter, for Latin and the scripts that resemble it.
fn script(letter: char) -> Option<&'static str> {
    Some(match letter {
        'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => "Latin",
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => "Greek",
        '\u{400}'..='\u{52f}' | '\u{1c80}'..='\u{1c8f}' | '\u{a640}'..='\u{a69f}' => "Cyrillic",
        '\u{530}'..='\u{58f}' => "Armenian",
        '\u{13a0}'..='\u{13ff}' | '\u{ab70}'..='\u{abbf}' => "Cherokee",
        _ => return None,
    })
}

/// Decodes what follows `xn--`, by RFC 3492, section 6.2.
fn decode(label: &str) -> Option<String> {
    let (basic, digits) = label.rsplit_once('-').unwrap_or(("", label));
    let mut output: Vec<char> = basic.chars().collect();
    let (mut n, mut i, mut bias) = (128_u64, 0_u64, 72);
    let mut digits = digits.chars().peekable();
    while digits.peek().is_some() {
        let (old, mut weight) = (i, 1_u64);
        for k in (36_u64..).step_by(36) {
            let value = match digits.next()? {
                c @ '0'..='9' => u64::from(c) - u64::from('0') + 26,
                c => u64::from(c.to_digit(36)?) - 10,
            };
            i = i.checked_add(value.checked_mul(weight)?)?;
            let t = k.saturating_sub(bias).clamp(1, 26);
            if value < t {
                break;
            }
            weight = weight.checked_mul(36 - t)?;
        }
        let points = output.len() as u64 + 1;
        bias = adapt(i - old, points, old == 0);
        n += i / points;
        i %= points;
        let c = u32::try_from(n).ok().and_then(char::from_u32)?;
        output.insert(i as usize, c);
        i += 1;
    }
    Some(output.into_iter().collect())
}

fn digit(value: u64) -> char {
    char::from(b"abcdefghijklmnopqrstuvwxyz0123456789"[value as usize % 36])
}

fn adapt(delta: u64, points: u64, first: bool) -> u64 {
    let mut delta = delta / if first { 700 } else { 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > 35 * 26 / 2 {
        delta /= 35;
        k += 36;
    }
    k + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_as_python_does() {
        for (host, ascii) in [
            ("bücher.example", "xn--bcher-kva.example"),
            ("Bücher.Example", "xn--bcher-kva.example"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("пример.com", "xn--e1afmkfd.com"),
            ("go.ñandú.example", "go.xn--and-6ma2c.example"),
            ("🦀.example", "xn--zs9h.example"),
        ] {
            assert_eq!(to_ascii(host), ascii);
            let decoded = ascii
                .split('.')
                .map(|label| match label.strip_prefix("xn--") {
                    Some(label) => decode(label).unwrap(),
                    None => label.to_owned(),
                });
            let decoded: Vec<_> = decoded.collect();
            assert_eq!(decoded.join("."), host.to_lowercase());
        }
    }

    #[test]
    fn finds_labels_that_mix_scripts() {
        for (host, mixed) in [
            ("gіthub.com", Some(("Latin", "Cyrillic"))),
            ("git.xn--pple-43d.com", Some(("Cyrillic", "Latin"))),
            ("xn--gogle-sce.com", Some(("Latin", "Greek"))),
            ("пример.com", None),
            ("xn--bcher-kva.example", None),
            ("日本go.example", None),
            ("xn--", None),
            ("xn--99999999999999999999", None),
            ("xn--\u{e9}-", None),
        ] {
            assert_eq!(mixed_scripts(host), mixed, "{host}");
        }
    }
}
