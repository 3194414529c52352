//! RFC 1951 once more, slow and plain: a reference that also tells how far back a message refers.

/// What a compressed message holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inflated {
    pub(crate) data: Vec<u8>,
    /// The largest distance of all.
    pub(crate) distance: usize,
    /// How far back before the beginning of the message it refers.
    pub(crate) reach: usize,
}

/// Inflates the payload of a compressed message as RFC 7692 §7.2.2 has it; earlier messages ended with
/// `history`.
///
/// `None` where it is not DEFLATE, or does not end behind the three bits of the empty block whose other
/// bytes the sender leaves out (§7.2.1).
pub(crate) fn inflate(history: &[u8], payload: &[u8]) -> Option<Inflated> {
    let mut reader = Reader {
        payload,
        bit: 0,
        out: history.to_vec(),
        start: 0,
        inflated: Inflated::default(),
        message: history.len(),
    };
    loop {
        let is_final = reader.bits(1)? == 1;
        match reader.bits(2)? {
            0 => {
                reader.align();
                if reader.bit == payload.len() * 8 {
                    let mut inflated = reader.inflated;
                    inflated.data = reader.out.split_off(reader.message);
                    return (!is_final).then_some(inflated);
                }
                reader.stored()?;
            }
            1 => reader.codes(&Huffman::fixed_lengths(), &Huffman::new(&[5; 30])?)?,
            2 => {
                let (lengths, distances) = reader.dynamic()?;
                reader.codes(&lengths, &distances)?;
            }
            _ => return None,
        }
        if is_final {
            reader.align();
            // §7.2.3.4: the next block begins another stream; without context takeover it knows nothing.
            if history.is_empty() {
                reader.start = reader.out.len();
            }
        }
    }
}

struct Reader<'a> {
    payload: &'a [u8],
    bit: usize,
    out: Vec<u8>,
    /// How far back in `out` a stream may refer.
    start: usize,
    message: usize,
    inflated: Inflated,
}

impl Reader<'_> {
    fn bits(&mut self, count: usize) -> Option<usize> {
        (0..count).try_fold(0, |value, n| {
            let byte = *self.payload.get(self.bit / 8)?;
            let bit = usize::from(byte >> (self.bit % 8) & 1);
            self.bit += 1;
            Some(value | bit << n)
        })
    }

    fn align(&mut self) {
        self.bit = self.bit.next_multiple_of(8);
    }

    fn stored(&mut self) -> Option<()> {
        let (len, complement) = (self.bits(16)?, self.bits(16)?);
        if len != complement ^ 0xFFFF {
            return None;
        }
        let at = self.bit / 8;
        self.out.extend(self.payload.get(at..at + len)?);
        self.bit += len * 8;
        Some(())
    }

    fn codes(&mut self, lengths: &Huffman, distances: &Huffman) -> Option<()> {
        loop {
            match self.symbol(lengths)? {
                256 => return Some(()),
                literal @ 0..256 => self.out.push(u8::try_from(literal).ok()?),
                symbol => {
                    let (base, extra) = *LENGTHS.get(symbol - 257)?;
                    let len = base + self.bits(extra)?;
                    let symbol = self.symbol(distances)?;
                    let (base, extra) = *DISTANCES.get(symbol)?;
                    let distance = base + self.bits(extra)?;
                    self.copy(len, distance)?;
                }
            }
        }
    }

    fn copy(&mut self, len: usize, distance: usize) -> Option<()> {
        let from = self.out.len().checked_sub(distance)?;
        if from < self.start {
            return None;
        }
        let inflated = &mut self.inflated;
        inflated.distance = inflated.distance.max(distance);
        inflated.reach = inflated.reach.max(self.message.saturating_sub(from));
        for at in from..from + len {
            self.out.push(self.out[at]);
        }
        Some(())
    }

    fn dynamic(&mut self) -> Option<(Huffman, Huffman)> {
        const ORDER: [usize; 19] = [
            16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
        ];
        let (literals, distances) = (self.bits(5)? + 257, self.bits(5)? + 1);
        let codes = self.bits(4)? + 4;
        if literals > 286 || distances > 30 {
            return None;
        }
        let mut lengths = [0; 19];
        for at in &ORDER[..codes] {
            lengths[*at] = self.bits(3)?;
        }
        let code = Huffman::new(&lengths).filter(|code| code.is_complete)?;
        let mut lengths: Vec<usize> = Vec::new();
        while lengths.len() < literals + distances {
            let (length, count) = match self.symbol(&code)? {
                16 => (*lengths.last()?, 3 + self.bits(2)?),
                17 => (0, 3 + self.bits(3)?),
                18 => (0, 11 + self.bits(7)?),
                length => (length, 1),
            };
            lengths.extend(vec![length; count]);
        }
        if lengths.len() > literals + distances || lengths[256] == 0 {
            return None;
        }
        let (literals, distances) = lengths.split_at(literals);
        Some((Huffman::new(literals)?, Huffman::new(distances)?))
    }

    fn symbol(&mut self, code: &Huffman) -> Option<usize> {
        let (mut value, mut first, mut index) = (0, 0, 0);
        for count in &code.counts[1..] {
            value |= self.bits(1)?;
            if value < first + count {
                return code.symbols.get(index + value - first).copied();
            }
            index += count;
            first = (first + count) << 1;
            value <<= 1;
        }
        None
    }
}

/// How many codes there are of each length, and what they stand for, in their order.
struct Huffman {
    counts: [usize; 16],
    symbols: Vec<usize>,
    is_complete: bool,
}

impl Huffman {
    /// `None` for codes that nobody could mean. As with zlib, a single code may be of one bit.
    fn new(lengths: &[usize]) -> Option<Self> {
        let mut counts = [0; 16];
        for length in lengths {
            counts[*length] += 1;
        }
        let left = (1..16).try_fold(1_usize, |left, len| (left * 2).checked_sub(counts[len]))?;
        counts[0] = 0;
        let longest = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        let is_fixed = lengths == [5; 30];
        if left > 0 && longest > 1 && !is_fixed {
            return None;
        }
        let of_length = |len| (0..lengths.len()).filter(move |symbol| lengths[*symbol] == len);
        Some(Self {
            counts,
            symbols: (1..16).flat_map(of_length).collect(),
            is_complete: left == 0,
        })
    }

    fn fixed_lengths() -> Self {
        let lengths = [vec![8; 144], vec![9; 112], vec![7; 24], vec![8; 8]].concat();
        Self::new(&lengths).expect("the code of RFC 1951 §3.2.6")
    }
}

/// RFC 1951 §3.2.5: the least value of a code, and how many bits are added.
const LENGTHS: [(usize, usize); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

const DISTANCES: [(usize, usize); 30] = {
    let mut table = [(0, 0); 30];
    let (mut at, mut base) = (0, 1);
    while at < 30 {
        let extra = if at < 4 { 0 } else { at / 2 - 1 };
        table[at] = (base, extra);
        base += 1 << extra;
        at += 1;
    }
    table
};
