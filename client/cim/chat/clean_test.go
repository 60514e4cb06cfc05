package chat

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"unicode"

	"github.com/cim-go/cim/client/cim/chat/line"
)

func TestNothingThatATerminalObeysIsShown(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                      "plain",
		"你好 👩‍👩‍👧 é":                 "你好 👩‍👩‍👧 é",
		"\x1b[31mred\x1b[0m":         "�[31mred�[0m",
		"\x1b]52;c;ZXZpbA==\a":       "�]52;c;ZXZpbA==�",
		"a\u009b2Jb":                 "a�2Jb", // the one-character form of ESC [
		"back\b\b\x7f":               "back���",
		"over\rwrite":                "over�write",
		"two\nlines\r\nthree\n":      "two\n    lines\n    three",
		"tab\tbed":                   "tab bed",
		"\u202egnp.exe\u2066x\u2028": "�gnp.exe�x�",
		"bad \xff\xfe utf":           "bad � utf",
		":smile::coffee: ok":         "😄☕ ok",
		"12:30:45 :no-such: ::y:":    "12:30:45 :no-such: ::y:",
	} {
		if got := cleanText(in); got != want {
			t.Errorf("cleanText(%q) = %q, want %q", in, got, want)
		}
	}
}

// A text keeps what has no width, such as the tags in a flag, and a name does not.
func TestNamesShowNothingOfNoWidth(t *testing.T) {
	const flag = "\U0001f3f4\U000e0067\U000e007f"
	if got := cleanText(flag); got != flag {
		t.Errorf("%+q", got)
	}
	for in, want := range map[string]string{
		"b\u200bo\ufeffb\U000e0041": "b�o�b�", "\u202ebob\u00ad": "�bob�", "می\u200cخواهم": "می\u200cخواهم", "👩\u200d👧": "👩\u200d👧", "a\nb\x1b": "a�b�",
	} {
		if got := CleanLine(in); got != want {
			t.Errorf("CleanLine(%+q) = %+q, want %+q", in, got, want)
		}
	}
}

func FuzzCleanText(f *testing.F) {
	f.Add("\x1b[2J:smile:\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		clean := cleanText(s)
		for _, r := range clean {
			if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
				t.Fatalf("%U came through in %q", r, clean)
			}
		}
		if strings.Contains(CleanLine(s), "\n") {
			t.Fatal("a line has a line feed")
		}
	})
}

func TestToyAnswers(t *testing.T) {
	for in, want := range map[string]string{"你是谁吗？": "我是谁！", "ok?": "ok!", "好嘛": "好"} {
		if got := toyAnswer(in); got != want {
			t.Errorf("toyAnswer(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLongPipedLineEndsTheInput(t *testing.T) {
	s, err := openScreen(strings.NewReader(strings.Repeat("x", maxLine+1)), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.readLine(); err != errLineTooLong {
		t.Errorf("read: %v", err)
	}
}

// On a terminal a line that arrives stands above the prompt, from the first
// column on.
func TestTerminalKeepsThePromptBelow(t *testing.T) {
	var out bytes.Buffer
	size := func() (width, height int) { return 80, 24 }
	s := &terminal{e: line.New(strings.NewReader("hi\r"), &out, prompt, size), in: -1, colour: true}
	if line, err := s.readLine(); line != "hi" || err != nil {
		t.Errorf("read %q, %v", line, err)
	}
	s.print(s.dim("one") + "\ntwo")
	got := out.String()
	if !strings.Contains(got, "\x1b[2mone\x1b[0m\r\ntwo\r\n") {
		t.Errorf("wrote %q", got)
	}
	s.colour = false
	if s.dim("x")+s.bold("y") != "xy" {
		t.Error("styled without colour")
	}
}
