//! How rare a few bytes are in log lines, so that a literal is looked for by what is rarest in it.

/// Letters, a digit, a space, anything else.
const CLASSES: usize = 29;

/// By a byte's class and that of the next one, in half bits above `0`: how rare the pair is. Counted over the samples of 16
/// systems' logs that Loghub publishes (Zhu et al., ISSRE 2023), with case folded. Other logs differ, which costs speed alone.
const PAIRS: [&[u8; CLASSES]; CLASSES] = [
    b"@><<?E<I=WD==;W>W<=:>DHCDP;F<",
    b"=BE@CEWTDWW;FI=RWA?WICWW@W;D@",
    b"<E@?;FW>HW;AH?:DIBL=?AWEDQ:=@",
    b"<=A>:>PI?FQFHN@NRA?JFE@WFT;::",
    b">@::@CDW?WK@>;FC>8;<@AC>HR<;9",
    b"<?FFCBWK@WWERW:RW>>ABWWWJQ>A@",
    b"GHOM;RKC@WWTR@BMWCFLIWWWQWI>>",
    b"AFQ=>WTW?WWRFJ>WWDQ?HWWWHTC@@",
    b"F@=<ABBWQWW<>8<EW@==T>R@WBWA>",
    b"KWRTWWWHWW@QWWQWWTGW>TWWWWTTE",
    b"KBWW;RLKDWTGCEWWWPBONDWWPWA==",
    b"=ON?<PEW=M>?WE;KLR@D@IQPDWQ=@",
    b"<?@P<WQPAWWIBE>>WWEJDMNHCWI>=",
    b"<N@<<;=W<TEGG>;DQD?=D?K@JWL:>",
    b"@I<>GB=JDW@A;:>@W9><><@KGQW:D",
    b"=TK??QHB>HKBJQ>BW?GA>QJWBWND?",
    b"WRWWWOTWWWWQOWWTHWMK>WWWWOWL?",
    b"?DA?9EGA?W=FA?;NO>>><=WL@WE<:",
    b"@C?E:GA<>W?@MBA?QD;:>WCW@?C>;",
    b":HAK:QO=:WKEEE<>M>C>@JHJ?WG;;",
    b"CDFD?WHW>WI=?<?@W@<;NNWNWWMHE",
    b"<WFW<TTW=WWLFNLWWWCWWWAWWWBBB",
    b"?NWWAWWCBWFJDC<WWT@MWEIMMWWEF",
    b"JNBW?TTWGWWQ@DWHWWTFWWWIQWAG@",
    b"JMFTAMJWFWWPDGJDWH?@LWTWWWL@>",
    b"RWRWBWWQOWWWWWEWWWWQNWWMWWW?Q",
    b"<<:;:<KWWOIWHWWWWWRRFWWAWW053",
    b"<;;;=:B@9?C<?=>=D<:;=A=OLM5;7",
    b"<><=>>AA>BL=>>A=?<<?>?>NQE369",
];

/// How rare a text is, in half bits, as a chain of pairs; its letters are lower-case.
pub(super) fn rarity(text: &[u8]) -> u32 {
    let pairs: u32 = text.windows(2).map(|pair| bits(pair[0], pair[1])).sum();
    // Each byte between two others was counted twice.
    let inner = text.len().saturating_sub(2);
    let once: u32 = text.iter().skip(1).take(inner).map(|byte| least(*byte)).sum();
    pairs.saturating_sub(once)
}

fn bits(first: u8, second: u8) -> u32 {
    u32::from(PAIRS[class(first)][class(second)] - b'0')
}

/// Of a single byte, about.
fn least(byte: u8) -> u32 {
    PAIRS[class(byte)].iter().map(|bits| u32::from(bits - b'0')).min().unwrap_or_default()
}

fn class(byte: u8) -> usize {
    match byte | 0x20 {
        letter @ b'a'..=b'z' => usize::from(letter - b'a'),
        b'0'..=b'9' => 26,
        b' ' => 27,
        _ => 28,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_texts_are_told_from_common_ones() {
        assert!(rarity(b"deadlock") > rarity(b"connecti"));
        assert!(rarity(b"oomkille") > rarity(b"      10"));
        assert_eq!(rarity(b"a"), 0);
    }
}
