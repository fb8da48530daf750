//! The ASCII form of internationalised host names, for a hint.

/// Returns a host name as DNS has it: `bücher.example` as `xn--bcher-kva.example`.
///
/// Lower case is all the preparation; RFC 5891 asks for more, which a hint can leave out.
pub(super) fn to_ascii(host: &str) -> String {
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
        }
    }
}
