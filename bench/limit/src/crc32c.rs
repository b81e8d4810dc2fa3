//! CRC32C by the processor's instruction; on a processor without one, by a table (then this is no limit, and it says so).

pub fn name() -> &'static str {
    if has_instruction() { "instruction" } else { "table" }
}

// hot: per batch
pub fn crc32c(bytes: &[u8]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if has_instruction() {
        return unsafe { x86::crc32c(bytes) };
    }
    #[cfg(target_arch = "aarch64")]
    if has_instruction() {
        return unsafe { arm::crc32c(bytes) };
    }
    by_table(bytes)
}

fn has_instruction() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::is_x86_feature_detected!("sse4.2") && std::is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("crc");
    #[allow(unreachable_code)]
    false
}

fn by_table(bytes: &[u8]) -> u32 {
    static TABLE: [u32; 256] = table();
    !bytes.iter().fold(!0, |crc, byte| crc >> 8 ^ TABLE[(crc as u8 ^ byte) as usize])
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0x82f6_3b78 } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

/// The instruction takes three cycles and can begin another every cycle, so three stretches run at once. The remainder of the
/// first two is then moved past what lies behind them: a multiplication without carries by x^(8n-33) mod P.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{_mm_clmulepi64_si128, _mm_crc32_u64, _mm_crc32_u8, _mm_cvtsi128_si64, _mm_cvtsi64_si128, _mm_xor_si128};

    #[target_feature(enable = "sse4.2,pclmulqdq")]
    pub unsafe fn crc32c(bytes: &[u8]) -> u32 {
        let (crc, rest) = three::<4096>(!0, bytes, 0x54a8_6326, 0x82f8_9c77);
        let (mut crc, rest) = three::<256>(crc, rest, 0xdd7e_3b0c, 0xb9e0_2b86);
        let words = rest.chunks_exact(8);
        let last = words.remainder();
        for word in words {
            crc = _mm_crc32_u64(crc, u64::from_le_bytes(word.try_into().unwrap()));
        }
        !last.iter().fold(crc as u32, |crc, byte| _mm_crc32_u8(crc, *byte))
    }

    #[target_feature(enable = "sse4.2,pclmulqdq")]
    unsafe fn three<const SIZE: usize>(mut crc: u64, mut bytes: &[u8], past_two: i64, past_one: i64) -> (u64, &[u8]) {
        while bytes.len() >= 3 * SIZE {
            let (mut middle, mut last) = (0, 0);
            for index in (0..SIZE).step_by(8) {
                let word = |at: usize| bytes.as_ptr().add(at + index).cast::<u64>().read_unaligned();
                crc = _mm_crc32_u64(crc, word(0));
                middle = _mm_crc32_u64(middle, word(SIZE));
                last = _mm_crc32_u64(last, word(2 * SIZE));
            }
            let moved = _mm_xor_si128(
                _mm_clmulepi64_si128(_mm_cvtsi64_si128(crc as i64), _mm_cvtsi64_si128(past_two), 0),
                _mm_clmulepi64_si128(_mm_cvtsi64_si128(middle as i64), _mm_cvtsi64_si128(past_one), 0),
            );
            crc = _mm_crc32_u64(0, _mm_cvtsi128_si64(moved) as u64) ^ last;
            bytes = &bytes[3 * SIZE..];
        }
        (crc, bytes)
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use std::arch::aarch64::{__crc32cb, __crc32cd};

    #[target_feature(enable = "crc")]
    pub unsafe fn crc32c(bytes: &[u8]) -> u32 {
        let words = bytes.chunks_exact(8);
        let last = words.remainder();
        let crc = words.fold(!0, |crc, word| __crc32cd(crc, u64::from_le_bytes(word.try_into().unwrap())));
        !last.iter().fold(crc, |crc, byte| __crc32cb(crc, *byte))
    }
}

#[cfg(test)]
mod tests {
    use super::{by_table, crc32c};

    #[test]
    fn the_instruction_agrees_with_the_table_and_the_table_with_the_check_value() {
        assert_eq!(by_table(b"123456789"), 0xe306_9283);
        let bytes: Vec<u8> = (0..40_000u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for length in (0..2000).chain([12_287, 12_288, 12_289, 39_999, 40_000]) {
            assert_eq!(crc32c(&bytes[..length]), by_table(&bytes[..length]), "{length} bytes");
        }
    }
}
