package naming

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/cim-go/cim/proto"
)

func TestPeopleGetTheirNames(t *testing.T) {
	for _, name := range []string{
		"alice", "Bob", "user1", "u-1", "bot_7", "张三", "山田　太郎", "José", "Nguyễn Văn Ánh", "محمد", "דוד", "Ελένη", "Анна", "สมชาย",
		"हिन्दी", "O'Neil", "zs@example.org", "a.b", "_bob_", "~zs~", "🐱", "bob 🎉", "❤️", "x", "R2D2", "12 monkeys", "lol", "Ill", "a:b", "3:45pm",
		"cimon", "administrators", "roots", "supporter", "you2", "rnb", "老王 (work)", strings.Repeat("x", 64),
	} {
		if got, err := Account(name); err != nil || got != norm.NFC.String(name) {
			t.Errorf("%q: %q, %v", name, got, err)
		}
		if _, err := Group(name); err != nil {
			t.Errorf("group %q: %v", name, err)
		}
	}
}

func TestNewNamesAreInNormalForm(t *testing.T) {
	if got, err := Account("Jose\u0301"); err != nil || got != "Jos\u00e9" {
		t.Errorf("%+q, %v", got, err)
	}
}

func TestNamesWithUnseenCharactersAreRefused(t *testing.T) {
	for what, name := range map[string]string{
		"zero width space": "b\u200bob", "zero width joiner": "b\u200dob", "byte order mark": "bob\ufeff", "word joiner": "b\u2060ob",
		"right to left override": "\u202ebob", "isolate": "b\u2066ob", "Arabic letter mark": "b\u061cob", "soft hyphen": "b\u00adob",
		"line separator": "b\u2028ob", "paragraph separator": "b\u2029ob", "tag": "bob\U000e0041", "grapheme joiner": "b\u034fob",
		"Hangul filler": "\u3164", "half-width filler": "bob\uffa0", "braille blank": "bob\u2800x", "private use": "b\ue000ob", "no-break space": "b\u00a0ob",
		"variation selector": "bob\ufe0f", "another selector": "bob\U000e0100", "text style": "❤\ufe0e", "Mongolian separator": "b\u180eob",
		"replacement": "bob\ufffd", "control": "b\u0085ob", "tab": "b\tob", "interlinear": "b\ufff9ob", "musical": "b\U0001d173ob", "unassigned": "b\u0378ob",
		"five marks": "a\u0301\u0302\u0303\u0304\u0305\u0306", "a mark alone": "\u0301bob", "a mark on a space": "bob \u0301x", "a shorthand control": "b\U0001bca0ob",
	} {
		refused(t, what, name)
	}
}

func TestNamesThatPassForReservedOnesAreRefused(t *testing.T) {
	for _, name := range []string{
		"admin", "ADMIN", "Admin", "ADMlN", "аdmin", "аԁmіn", "ａｄｍｉｎ", "𝐚𝐝𝐦𝐢𝐧", "ⓐⓓⓜⓘⓝ", "adrnin", "adm1n", "admın", "ádmin", "a d m i n", "ad-min", "admin.",
		"АDМІN", "Ꭺdmin", "administrator", "adminlstrator", "Administrat0r", "system", "ѕystem", "SYSTΕM", "sуstеm", "everyone", "еvеryonе", "Everyоne",
		"moderator", "m0derator", "mοderatοr", "rnoderator", "operator", "οperator", "0perator", "support", "suррort", "root", "r00t", "rооt", "cim", "CIM", "сim", "ⅽⅰⅿ",
		"you", "You", "уou", "  admin", "(admin)", "*system*",
	} {
		refused(t, "reserved", name)
	}
}

func TestNamesThatPassForIDsAreRefused(t *testing.T) {
	for _, name := range []string{"1", "007", "1795308830063", "１７９５", "٣٤٥", "१२३", "1795 308", "179530883OO63", "l795308830063", "②③", "𝟏𝟐", "1O"} {
		refused(t, "a number", name)
	}
	for _, name := range []string{"g9", "G123", "ｇ9", "group 9", "g1O"} {
		if _, err := Group(name); err == nil {
			t.Errorf("a group may be called %q", name)
		}
	}
}

func TestNamesThatPassForMarksAreRefused(t *testing.T) {
	for _, name := range []string{
		"#friends", "＃friends", ":all", "* bob", "∗ bob", "! not sent", "ǃ not sent", "> bob", "❯ bob", "[private] bob", "［private］ bob", "【private】 bob",
		"✓ shown", "bob: hi", "bob： hi", "bob꞉ hi", "bob:", "bob∶", "bob :x", "bob;;hi", "bob；；hi", "bob;\u037ehi", "bob  1795308830063", "a\u3000 b",
	} {
		refused(t, "a mark", name)
	}
}

func refused(t *testing.T, what, name string) {
	t.Helper()
	for _, judge := range []func(string) (string, error){Account, Group} {
		_, err := judge(name)
		if failed, ok := errors.AsType[*proto.Error](err); !ok || failed.Code != proto.Invalid {
			t.Errorf("%s: %+q is accepted: %v", what, name, err)
		}
	}
}

// An accepted name is its own normal form, and is accepted again.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"alice", "Jose\u0301", "b\u200bob", "❤️", "\xff", "admin", "张三", "g9", "bob: hi", "a\u0301\u0302\u0303"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for _, judge := range []func(string) (string, error){Account, Group} {
			got, err := judge(name)
			if err != nil {
				if failed, ok := errors.AsType[*proto.Error](err); !ok || failed.Code != proto.Invalid {
					t.Fatalf("%q: %v", name, err)
				}
				continue
			}
			again, err := judge(got)
			if err != nil || again != got || !norm.NFC.IsNormalString(got) || !utf8.ValidString(got) || utf8.RuneCountInString(got) > 64 {
				t.Fatalf("%q: %q, then %q, %v", name, got, again, err)
			}
		}
	})
}

// The table is complete: it has letters of each kind that are often used for another.
func TestTableHasWhatPassesForASCII(t *testing.T) {
	if n := len(prototypes()); n < 2000 {
		t.Errorf("the table has %d characters", n)
	}
	for r, want := range map[rune]string{'а': "a", 'ο': "o", 'Ι': "l", '1': "l", '0': "O", 'm': "rn", 'ⅿ': "rn", '꞉': ":", '∗': "*", 'ᴄ': "c"} {
		if got := looksOf(r); got != want {
			t.Errorf("%q looks like %q, want %q", r, got, want)
		}
	}
}
