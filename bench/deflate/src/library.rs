//! The library under test: one of two APIs that differ in little but names.

#[cfg(feature = "flate2")]
pub use flate2_backend::*;
#[cfg(not(feature = "flate2"))]
pub use zlib_rs_directly::*;

/// What a sync flush ends with, and RFC 7692, section 7.2.1 removes.
pub const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Compresses one message, and returns its length without the tail.
pub fn compress(deflate: &mut Compress, message: &[u8], output: &mut [u8]) -> usize {
    let (read, written) = (deflate.total_in(), deflate.total_out());
    let status = deflate
        .compress(message, output, SYNC_COMPRESS)
        .expect("deflate takes any message");
    assert_eq!(status, Status::Ok);
    assert_eq!(deflate.total_in() - read, message.len() as u64);
    let length = usize::try_from(deflate.total_out() - written).expect("it fits in the output");
    assert!(output[..length].ends_with(&TAIL));
    length - TAIL.len()
}

/// Decompresses one message, and returns its length.
pub fn decompress(inflate: &mut Decompress, message: &[u8], output: &mut [u8]) -> usize {
    let before = inflate.total_out();
    let mut length = 0;
    // Two calls, as a receiver makes them that borrows the payload from its read buffer.
    for input in [message, &TAIL] {
        inflate
            .decompress(input, &mut output[length..], SYNC_DECOMPRESS)
            .expect("the stream is valid");
        length = usize::try_from(inflate.total_out() - before).expect("it fits in the output");
    }
    length
}

/// Makes a decompressor as new, for another raw stream.
pub fn reset(inflate: &mut Decompress) {
    inflate.reset(false);
}

pub struct SetDictionary {
    pub compress: fn(&mut Compress, &[u8]),
    pub decompress: fn(&mut Decompress, &[u8]),
}

#[cfg(not(feature = "flate2-miniz_oxide"))]
pub const SET_DICTIONARY: Option<SetDictionary> = Some(SetDictionary {
    compress: |deflate, dictionary| {
        deflate
            .set_dictionary(dictionary)
            .expect("a raw stream takes a dictionary");
    },
    decompress: |inflate, dictionary| {
        inflate
            .set_dictionary(dictionary)
            .expect("a raw stream takes a dictionary");
    },
});
#[cfg(feature = "flate2-miniz_oxide")]
pub const SET_DICTIONARY: Option<SetDictionary> = None;

#[cfg(not(feature = "flate2"))]
mod zlib_rs_directly {
    pub use zlib_rs::{Deflate as Compress, Inflate as Decompress, Status};
    use zlib_rs::{DeflateConfig, DeflateFlush, InflateFlush};

    pub const WINDOW_BITS: &[u8] = &[15, 12, 9];
    /// The name in the table, and the memory level.
    pub const COLUMNS: &[(&str, i32)] = &[("zlib-rs, memory 8", 8), ("zlib-rs, memory 5", 5)];
    pub const SYNC_COMPRESS: DeflateFlush = DeflateFlush::SyncFlush;
    pub const SYNC_DECOMPRESS: InflateFlush = InflateFlush::SyncFlush;

    pub fn compressor(level: u8, window_bits: u8, mem_level: i32) -> Compress {
        let window_bits = -i32::from(window_bits);
        let level = level.into();
        Compress::new_with_config(DeflateConfig {
            level,
            window_bits,
            mem_level,
            ..DeflateConfig::default()
        })
    }

    pub fn decompressor(window_bits: u8) -> Decompress {
        Decompress::new(false, window_bits)
    }
}

#[cfg(feature = "flate2")]
mod flate2_backend {
    pub use flate2::{Compress, Decompress, Status};
    use flate2::{Compression, FlushCompress, FlushDecompress};

    const NAME: &str = if cfg!(feature = "flate2-zlib-rs") {
        "flate2, zlib-rs"
    } else if cfg!(feature = "flate2-miniz_oxide") {
        "flate2, miniz_oxide"
    } else if cfg!(feature = "flate2-zlib") {
        "flate2, zlib"
    } else {
        "flate2, zlib-ng"
    };
    /// flate2 leaves the memory level at the backend's default.
    pub const COLUMNS: &[(&str, i32)] = &[(NAME, 8)];
    pub const SYNC_COMPRESS: FlushCompress = FlushCompress::Sync;
    pub const SYNC_DECOMPRESS: FlushDecompress = FlushDecompress::Sync;

    #[cfg(not(feature = "flate2-miniz_oxide"))]
    mod backend {
        use super::{Compress, Compression, Decompress};

        pub const WINDOW_BITS: &[u8] = &[15, 12, 9];

        pub fn compressor(level: u8, window_bits: u8, _: i32) -> Compress {
            Compress::new_with_window_bits(Compression::new(level.into()), false, window_bits)
        }

        pub fn decompressor(window_bits: u8) -> Decompress {
            Decompress::new_with_window_bits(false, window_bits)
        }
    }

    #[cfg(feature = "flate2-miniz_oxide")]
    mod backend {
        use super::{Compress, Compression, Decompress};

        pub const WINDOW_BITS: &[u8] = &[15];

        pub fn compressor(level: u8, _: u8, _: i32) -> Compress {
            Compress::new(Compression::new(level.into()), false)
        }

        pub fn decompressor(_: u8) -> Decompress {
            Decompress::new(false)
        }
    }

    pub use backend::*;
}
