//! Which server has a key: ketama, the consistent hashing of libketama, as libmemcached places keys
//! that is set to be compatible with it (`MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED`), and with it the
//! clients of PHP, Python and Ruby that are built on it. Where a server is added, a share of the keys
//! moves to it, and no other.

use md5::{Digest as _, Md5};

/// The usual port of Memcached, which libmemcached leaves out of the name of a server.
const USUAL_PORT: u16 = 11_211;
/// How many digests a server has; each makes four points.
const DIGESTS: usize = 40;

/// The points of servers on a circle.
#[derive(Debug)]
pub(crate) struct Ring {
    /// Each with the number of its server, in order.
    points: Vec<(u32, usize)>,
}

// === impl Ring ===

impl Ring {
    pub(crate) fn new<'a>(servers: impl IntoIterator<Item = (&'a str, u16)>) -> Self {
        let mut points = Vec::new();
        for (number, (host, port)) in servers.into_iter().enumerate() {
            let name = if port == USUAL_PORT {
                host.to_owned()
            } else {
                format!("{host}:{port}")
            };
            for index in 0..DIGESTS {
                let digest = Md5::digest(format!("{name}-{index}"));
                let (each, _) = digest.as_slice().as_chunks();
                points.extend(
                    each.iter()
                        .map(|bytes| (u32::from_le_bytes(*bytes), number)),
                );
            }
        }
        points.sort_unstable();
        Self { points }
    }

    /// The number of the server that has a key of this name.
    pub(crate) fn server(&self, name: &str) -> usize {
        let digest = Md5::digest(name);
        let (each, _) = digest.as_slice().as_chunks();
        let hash = u32::from_le_bytes(each[0]);
        let at = self.points.partition_point(|(point, _)| *point < hash);
        let next = self.points.get(at).or(self.points.first());
        next.map_or(0, |(_, server)| *server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where libmemcached puts keys, as `placements.py` beside it wrote it.
    const PLACEMENTS: &str = include_str!("../tests/memcached/placements.txt");

    #[test]
    fn keys_are_where_libmemcached_puts_them() {
        let (servers, placements) = PLACEMENTS.split_once('\n').unwrap();
        let servers = servers.split(' ').map(|server| {
            let (host, port) = server.split_once(':').unwrap();
            (host, port.parse().unwrap())
        });
        let ring = Ring::new(servers);
        let mut count = 0;
        for placement in placements.lines() {
            let (server, key) = placement.split_once(' ').unwrap();
            assert_eq!(ring.server(key).to_string(), server, "{key}");
            count += 1;
        }
        assert_eq!(count, 500);
    }

    #[test]
    fn a_server_more_takes_a_share_and_moves_no_other_key() {
        let hosts = ["a", "b", "c", "d"].map(|host| (host, 1));
        let (three, four) = (Ring::new(hosts[..3].to_vec()), Ring::new(hosts));
        let mut moved = 0;
        for number in 0..1000 {
            let key = number.to_string();
            let (before, after) = (three.server(&key), four.server(&key));
            assert!(after == before || after == 3, "{key}");
            moved += i32::from(after == 3);
        }
        assert!((100..400).contains(&moved), "{moved}");
    }
}
