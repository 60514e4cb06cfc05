package naming

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/cim-go/cim/routefn/check"
)

// reservedNames are names that users would take for the system or for the people who
// run it. "you" is the name by which the terminal shows its own user. A name that looks
// like one of these is refused, too.
var reservedNames = []string{
	"admin", "administrator", "system", "everyone", "moderator", "operator", "support", "root", "cim", "you",
}

// confusables has the characters that look like ASCII, one per line: the code of the
// character in hexadecimal, and the ASCII text that it looks like. It is a part of
// Unicode's confusables.txt.
//
//go:generate go run ./gen https://www.unicode.org/Public/17.0.0/security/confusables.txt
//go:embed confusables.txt
var confusables string

// prototypes returns, for each character in confusables, the text that it looks like.
var prototypes = sync.OnceValue(func() map[rune]string {
	table := make(map[rune]string, strings.Count(confusables, "\n"))
	for line := range strings.Lines(confusables) {
		code, looks, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		r, err := strconv.ParseInt(code, 16, 32)
		if !ok || err != nil {
			continue // a comment
		}
		table[rune(r)] = looks
	}
	return table
})

// looksOf returns the ASCII text that a character looks like, or the character itself.
func looksOf(r rune) string {
	if looks, ok := prototypes()[r]; ok {
		return looks
	}
	if lower := unicode.ToLower(r); lower != r && r > unicode.MaxASCII {
		if looks, ok := prototypes()[lower]; ok {
			return looks
		}
	}
	return string(r)
}

// onlyOne returns the single ASCII character that r looks like, or r itself.
func onlyOne(r rune) rune {
	if unicode.IsSpace(r) {
		return ' '
	}
	plain := []rune(norm.NFKC.String(string(r)))
	if len(plain) != 1 {
		return r
	}
	if plain[0] <= unicode.MaxASCII {
		return plain[0]
	}
	if looks := []rune(looksOf(plain[0])); len(looks) == 1 {
		return looks[0]
	}
	return plain[0]
}

// skeleton returns the letters and digits that people read in a name. Two names with the
// same skeleton look alike. This is the skeleton of UTS 39, section 4, but it also
// ignores case, accents, spaces and punctuation.
func skeleton(name string) string {
	var looks strings.Builder
	for _, r := range norm.NFKD.String(name) {
		if !unicode.Is(unicode.M, r) {
			looks.WriteString(looksOf(r))
		}
	}
	var b strings.Builder
	for _, r := range norm.NFKD.String(looks.String()) {
		if r = unicode.ToLower(r); unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(r)
		}
	}
	// In the table, the digit 1, the capital I and the small l look the same, and so do
	// m and rn, and w and vv. alike also maps the small i, because case does not count.
	return alike.Replace(b.String())
}

var alike = strings.NewReplacer("rn", "m", "vv", "w", "i", "l", "1", "l", "0", "o")

var reservedSkeletons = sync.OnceValue(func() map[string]bool {
	set := make(map[string]bool, len(reservedNames))
	for _, name := range reservedNames {
		set[skeleton(name)] = true
	}
	return set
})

func reserved(name string) error {
	if reservedSkeletons()[skeleton(name)] {
		return check.Invalid("The name is reserved, or looks like one that is.")
	}
	return nil
}

// looksLikeID reports whether people may read a name as a number. They may do so if the
// name has a digit, and all its characters are digits, characters that look like digits,
// or spaces.
func looksLikeID(name string) bool {
	digits := 0
	for _, r := range norm.NFKC.String(name) {
		switch {
		case unicode.IsDigit(r) || unicode.Is(unicode.N, r):
			digits++
		case unicode.IsSpace(r):
		default:
			looks := looksOf(r)
			if len(looks) != 1 || !strings.Contains("0123456789OoIl", looks) {
				return false
			}
		}
	}
	return digits > 0
}
