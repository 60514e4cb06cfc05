package line

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/clipperhouse/displaywidth"
	"pgregory.net/rapid"
)

// screen is a terminal, as far as the editor uses one. It fails at anything else.
type screen struct {
	width, height int
	rows          [][]string // a cell each; the second half of a wide one is empty
	row, column   int
	wrap          bool
}

func newScreen(width, height int) *screen {
	return &screen{width: width, height: height, wrap: true, rows: [][]string{nil}}
}

func (s *screen) Write(b []byte) (int, error) {
	for rest := string(b); rest != ""; {
		switch {
		case strings.HasPrefix(rest, wrapOff), strings.HasPrefix(rest, wrapOn):
			s.wrap, rest = strings.HasPrefix(rest, wrapOn), rest[len(wrapOn):]
		case strings.HasPrefix(rest, clearBelow):
			s.rows = s.rows[:s.row+1]
			s.rows[s.row] = s.rows[s.row][:min(s.column, len(s.rows[s.row]))]
			rest = rest[len(clearBelow):]
		case rest[0] == '\x1b':
			var n int
			if _, err := fmt.Sscanf(rest, "\x1b[%dA", &n); err != nil {
				return 0, fmt.Errorf("sequence %q", rest)
			}
			if s.row -= n; s.row < 0 {
				return 0, fmt.Errorf("up by %d, above the screen", n)
			}
			rest = rest[strings.IndexByte(rest, 'A')+1:]
		case rest[0] == '\r':
			s.column, rest = 0, rest[1:]
		case rest[0] == '\n':
			s.down()
			rest = rest[1:]
		default:
			end := strings.IndexAny(rest, "\x1b\r\n")
			if end < 0 {
				end = len(rest)
			}
			for g := displaywidth.StringGraphemes(rest[:end]); g.Next(); {
				s.put(g.Value(), g.Width())
			}
			rest = rest[end:]
		}
	}
	return len(b), nil
}

func (s *screen) down() {
	if s.row++; s.row == len(s.rows) {
		s.rows = append(s.rows, nil)
	}
	if len(s.rows) > s.height {
		s.rows, s.row = s.rows[1:], s.row-1
	}
}

func (s *screen) put(cluster string, width int) {
	if s.column+width > s.width {
		if !s.wrap {
			panic("a row is longer than the screen is wide")
		}
		s.column = 0
		s.down()
	}
	row := s.rows[s.row]
	for len(row) < s.column+width {
		row = append(row, "")
	}
	if width == 0 && s.column > 0 { // belongs to what stands before it
		row[s.column-1] += cluster
	} else if width > 0 {
		row[s.column] = cluster
		clear(row[s.column+1 : s.column+width])
	}
	s.rows[s.row] = row
	s.column += width
}

// shown returns the rows from the one where the prompt begins.
func (s *screen) shown() []string {
	var list []string
	for _, row := range s.rows {
		text := strings.Join(row, "")
		if strings.HasPrefix(text, prompt) {
			list = nil
		}
		list = append(list, text)
	}
	return list
}

const prompt = "> "

// typed is a reader that gives what is typed in the pieces given, and looks at the
// screen before each.
type typed struct {
	pieces []string
	look   func()
}

func (ty *typed) Read(b []byte) (int, error) {
	ty.look()
	if len(ty.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(b, ty.pieces[0])
	if ty.pieces[0] = ty.pieces[0][n:]; ty.pieces[0] == "" {
		ty.pieces = ty.pieces[1:]
	}
	return n, nil
}

// read edits with the keys in the pieces given, on a screen so wide.
func read(t *testing.T, width int, pieces ...string) (string, *screen) {
	t.Helper()
	s := newScreen(width, 24)
	e := New(&typed{pieces, func() {}}, s, prompt, func() (int, int) { return s.width, s.height })
	line, err := e.Read()
	if err != nil {
		t.Errorf("read: %v", err)
	}
	return line, s
}

func TestKeysEditWhatAUserSeesAsCharacters(t *testing.T) {
	for name, c := range map[string]struct{ keys, want string }{
		"wide":                        {"明天下午三点开会\x7f\x7f\x7f\x7f见\r", "明天下午见"},
		"accent of its own":           {"cafe\u0301\x7f\r", "caf"},
		"accent typed later":          {"cafe\x1b[Dx\x1b[C\u0301\x7f\r", "cafx"},
		"family":                      {"a👩‍👩‍👧b\x7f\x7f\r", "a"},
		"flag":                        {"🇩🇪🇫🇷\x7f\r", "🇩🇪"},
		"skin":                        {"👍🏽👍\x1b[D\x7f\r", "👍"},
		"keycap and variation":        {"1️⃣❤️\x7f\r", "1️⃣"},
		"korean in parts":             {"\u1112\u1161\u11ab글\x7f\r", "\u1112\u1161\u11ab"},
		"devanagari":                  {"नमस्ते\x7f\x7f\r", "न"},
		"left, right and delete":      {"一二三\x1b[D\x1b[D\x1b[3~四\x1b[C五\r", "一四三五"},
		"home and end":                {"二\x1b[H一\x1b[F三\x01零\x05四\r", "零一二三四"},
		"other homes and ends":        {"b\x1bOHa\x1bOFc\x1b[1~0\x1b[4~d\r", "0abcd"},
		"word":                        {"今天 明天 后天 \x17大后天\r", "今天 明天 大后天"},
		"words by arrows":             {"aa bb cc\x1b[1;5D\x1b[1;3D\x1bd\x1bfx\r", "aa  ccx"},
		"kill to both sides":          {"abc\x1b[D\x15x\x1b[Cy\x1b[D\x0b\r", "xc"},
		"transpose":                   {"一二\x14\r", "二一"},
		"unknown keys":                {"a\x1b[15~\x1b[1;2P\x1bOPb\x1b[[Ac\x00\x1b[?1;2cd\r", "abcd"},
		"alt and a wide one":          {"\x1b好\r", "好"},
		"escape twice":                {"a\x1b\x1b[Db\r", "ba"},
		"paste":                       {"\x1b[200~a\tb\x03c\x1b[31md\x1b[201~e\r", "a bcde"},
		"bytes that are no character": {"a\xffb\xe4\xb8c\r", "a\ufffdb\ufffd\ufffdc"},
		"control of eight bits":       {"a\u009b1b\r", "a1b"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := read(t, 20, c.keys); got != c.want {
				t.Errorf("in one piece: %q, want %q", got, c.want)
			}
			var bytes []string
			for i := range len(c.keys) {
				bytes = append(bytes, c.keys[i:i+1])
			}
			if got, _ := read(t, 20, bytes...); got != c.want {
				t.Errorf("a byte at a time: %q, want %q", got, c.want)
			}
		})
	}
}

func TestPastedLinesAreReadOneAfterAnother(t *testing.T) {
	s := newScreen(20, 24)
	e := New(&typed{[]string{"one\r\ntwo\n\nthree\r", "four"}, func() {}}, s, prompt, func() (int, int) { return 20, 24 })
	for _, want := range []string{"one", "two", "", "three"} {
		if got, err := e.Read(); got != want || err != nil {
			t.Errorf("read %q, %v, want %q", got, err, want)
		}
	}
	if got, err := e.Read(); err != io.EOF {
		t.Errorf("read %q, %v at the end", got, err)
	}
}

func TestInputEnds(t *testing.T) {
	for _, keys := range []string{"\x04", "abc\x03", "a\x7f\x04"} {
		s := newScreen(20, 24)
		e := New(&typed{[]string{keys}, func() {}}, s, prompt, func() (int, int) { return 20, 24 })
		if got, err := e.Read(); err != io.EOF || got != "" {
			t.Errorf("%q: %q, %v", keys, got, err)
		}
	}
	if got, _ := read(t, 20, "ab\x1b[D\x04\r"); got != "a" {
		t.Errorf("Ctrl-D in a line: %q", got)
	}
}

func TestUpGoesThroughTheLinesReadBefore(t *testing.T) {
	s := newScreen(20, 24)
	keys := "one\rtwo\r\x1b[A\x1b[A!\rdraft\x1b[A\x1b[B\r"
	e := New(&typed{[]string{keys}, func() {}}, s, prompt, func() (int, int) { return 20, 24 })
	for _, want := range []string{"one", "two", "one!", "draft"} {
		if got, err := e.Read(); got != want || err != nil {
			t.Errorf("read %q, %v, want %q", got, err, want)
		}
	}
}

var keyGen = rapid.SampledFrom([]string{
	"a", "b", " ", "见", "明天", "é", "e\u0301", "\u0301", "👍🏽", "👩‍👩‍👧", "🇩🇪", "🇫", "ﬁ", "α", "●", "한", "\u1112\u1161", "\u200d", "\xff",
	"\x7f", "\x7f", "\x1b[D", "\x1b[D", "\x1b[C", "\x1b[H", "\x1b[F", "\x17", "\x1b[3~", "\x15", "\x0b", "\x14", "\x1bb", "\x1bf", "\x1b[A", "\x1b[B",
	"\x1b[200~貼\x1b[201~", "\r",
})

// At any time the screen shows the line that Enter returns, with the cursor in it. That
// holds for any keys in any pieces, and for any output and resizing meanwhile.
func TestScreenShowsWhatIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newScreen(rapid.IntRange(4, 30).Draw(t, "width"), rapid.IntRange(40, 60).Draw(t, "height"))
		keys := strings.Join(rapid.SliceOfN(keyGen, 1, 60).Draw(t, "keys"), "")
		ty := &typed{}
		for keys != "" {
			n := rapid.IntRange(1, min(8, len(keys))).Draw(t, "piece")
			ty.pieces, keys = append(ty.pieces, keys[:n]), keys[n:]
		}
		e := New(ty, s, prompt, func() (int, int) { return s.width, s.height })
		ty.look = func() {
			if rapid.IntRange(0, 5).Draw(t, "arrives") == 0 {
				e.Print("bob: 你好")
			}
			l := lay(prompt, e.text, s.width)
			if got := s.shown(); !slices.Equal(got, l.rows) {
				t.Fatalf("the screen shows %q, want %q", got, l.rows)
			}
			onScreen := strings.TrimPrefix(strings.Join(s.shown(), ""), prompt)
			if onScreen != e.text.s {
				t.Fatalf("the screen shows %q of %q", onScreen, e.text.s)
			}
			if ahead := strings.Join(s.rows[s.row][:s.column], ""); ahead != l.ahead {
				t.Fatalf("the cursor stands behind %q, want %q", ahead, l.ahead)
			}
		}
		for {
			line, err := e.Read()
			if err == io.EOF {
				return
			}
			rows := s.shown()
			if got := strings.TrimPrefix(strings.Join(rows, ""), prompt); err != nil || got != line {
				t.Fatalf("the screen shows %q, and %q was read, %v", got, line, err)
			}
		}
	})
}

func TestLineLongerThanTheScreenIsShownAroundTheCursor(t *testing.T) {
	s := newScreen(10, 4)
	ty := &typed{pieces: []string{strings.Repeat("一二三四五", 10), "\x1b[H", "零", "\x1b[F", "末", "\r"}, look: func() {}}
	e := New(ty, s, prompt, func() (int, int) { return s.width, s.height })
	var seen []string
	ty.look = func() { seen = append(seen, strings.Join(s.rows[s.row], "")) }
	line, err := e.Read()
	if want := "零" + strings.Repeat("一二三四五", 10) + "末"; line != want || err != nil {
		t.Errorf("read %q, %v", line, err)
	}
	if !strings.HasPrefix(seen[3], "> 零") || !strings.Contains(seen[5], "末") {
		t.Errorf("the cursor's rows were %q", seen)
	}
}

func TestNarrowedTerminalIsDrawnAnew(t *testing.T) {
	s := newScreen(20, 24)
	ty := &typed{pieces: []string{"一二三四五六七", "\x7f", "\r"}, look: func() {}}
	e := New(ty, s, prompt, func() (int, int) { return s.width, s.height })
	first := true
	ty.look = func() {
		if len(ty.pieces) == 2 && first { // the terminal becomes narrower, and brings its row into it
			first = false
			row := s.rows[s.row]
			s.width, s.rows = 10, [][]string{row[:10], row[10:]}
			s.row, s.column = 1, len(row)-10
		}
	}
	line, err := e.Read()
	if line != "一二三四五六" || err != nil {
		t.Errorf("read %q, %v", line, err)
	}
	if got := strings.Join(s.shown(), "|"); got != "> 一二三四|五六|" {
		t.Errorf("the screen shows %q", got)
	}
}

func TestSecretIsNeitherShownNorKept(t *testing.T) {
	s := newScreen(40, 10)
	e := New(strings.NewReader("before\rsec\x1b[Dx\x1b[Aret\rafter\x1b[A\x1b[A\r"), s, "> ", func() (int, int) { return s.width, s.height })
	if line, err := e.Read(); line != "before" || err != nil {
		t.Fatalf("read %q, %v", line, err)
	}
	if secret, err := e.ReadSecret("secret: "); secret != "sexretc" || err != nil {
		t.Errorf("read %q, %v", secret, err)
	}
	if line, err := e.Read(); line != "before" || err != nil { // Up goes back to the line before the secret
		t.Errorf("read %q, %v", line, err)
	}
	var rows []string
	for _, row := range s.rows {
		rows = append(rows, strings.Join(row, ""))
	}
	if want := []string{"> before", "secret: ", "> before", ""}; !slices.Equal(rows, want) {
		t.Errorf("shown were %q, want %q", rows, want)
	}
}
