package line

import "unicode/utf8"

// key is a function key, or stands for a character to insert.
type key int

const (
	character key = iota
	ignored
	enter
	interrupt
	left
	right
	wordLeft
	wordRight
	home
	end
	up
	down
	backspace
	deleteOrEnd // Ctrl-D, which ends the input if the line is empty
	deleteNext
	deleteWordBefore
	deleteWordAfter
	deleteToStart
	deleteToEnd
	transpose
	clearScreen
	pasteStart
	pasteEnd
)

const escape = 0x1b

var controls = map[byte]key{
	1: home, 2: left, 3: interrupt, 4: deleteOrEnd, 5: end, 6: right, 8: backspace,
	'\n': enter, 11: deleteToEnd, 12: clearScreen, '\r': enter, 14: down, 16: up, 20: transpose,
	21: deleteToStart, 23: deleteWordBefore, 127: backspace,
}

// sequences has the keys by the bytes that follow the escape character. Its sequences are
// those of xterm, rxvt, the Linux console and tmux.
var sequences = map[string]key{
	"[A": up, "[B": down, "[C": right, "[D": left, "[H": home, "[F": end,
	"OA": up, "OB": down, "OC": right, "OD": left, "OH": home, "OF": end,
	"[1~": home, "[7~": home, "[4~": end, "[8~": end, "[3~": deleteNext,
	"[1;3C": wordRight, "[1;3D": wordLeft, "[1;5C": wordRight, "[1;5D": wordLeft,
	"[3;3~": deleteWordAfter, "[3;5~": deleteWordAfter,
	"b": wordLeft, "f": wordRight, "d": deleteWordAfter, "\x7f": deleteWordBefore, "\b": deleteWordBefore,
	"[200~": pasteStart, "[201~": pasteEnd,
}

// next returns the first key in b, which was read from the terminal. The result size is
// how many bytes the key has. It is zero if the key is not complete without more bytes.
// The result s is the character to insert.
func next(b []byte, pasting bool) (k key, s string, size int) {
	switch {
	case len(b) == 0:
		return ignored, "", 0
	case b[0] == escape:
		k, size := nextSequence(b)
		if pasting && k != pasteEnd {
			k = ignored
		}
		return k, "", size
	case b[0] < ' ' || b[0] == 127:
		k, s := control(b[0], pasting)
		return k, s, 1
	case !utf8.FullRune(b):
		return ignored, "", 0
	}
	r, size := utf8.DecodeRune(b)
	if r >= 0x80 && r < 0xa0 { // a control character of eight bits
		return ignored, "", size
	}
	return character, string(r), size
}

// control returns the key of a control character. In pasted text a tab becomes a
// space, an end of line is a key, and the other control characters are dropped.
func control(c byte, pasting bool) (k key, s string) {
	switch {
	case pasting && c == '\t':
		return character, " "
	case pasting && c != '\r' && c != '\n':
		return ignored, ""
	}
	if k, ok := controls[c]; ok {
		return k, ""
	}
	return ignored, ""
}

// nextSequence reads an escape sequence. It returns no key for an unknown sequence.
func nextSequence(b []byte) (k key, size int) {
	if size = sequenceSize(b); size == 0 {
		return ignored, 0
	}
	if k, ok := sequences[string(b[1:size])]; ok {
		return k, size
	}
	return ignored, size
}

// sequenceSize returns how long the sequence at the start of b is, or zero if that is not
// known yet.
func sequenceSize(b []byte) int {
	switch {
	case len(b) < 2:
		return 0
	case b[1] == escape:
		return 1
	case b[1] == 'O' && len(b) < 3:
		return 0
	case b[1] == 'O':
		return 3
	case b[1] >= 0x80: // a character typed with Alt
		return 1
	case b[1] != '[':
		return 2
	}
	// Parameters follow, and then one byte that ends them. The sequences of function keys
	// on the Linux console begin with "[[".
	for i, c := range b[2:] {
		switch {
		case i == 0 && c == '[', c >= 0x20 && c < 0x40:
		case c >= 0x40 && c < 0x7f:
			return i + 3
		default: // the sequence was cut off
			return i + 2
		}
	}
	return 0
}
