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

// reservedNames are those by which the system, or people who run it, would be addressed,
// and "you", as which the terminal shows its user. A name that looks like one of them is
// refused, too.
var reservedNames = []string{
	"admin", "administrator", "system", "everyone", "moderator", "operator", "support", "root", "cim", "you",
}

// confusables has the characters that look like ASCII, a line each: the character's code
// in hexadecimal and what it looks like. It is cut from Unicode's confusables.txt.
//
//go:generate go run ./gen https://www.unicode.org/Public/17.0.0/security/confusables.txt
//go:embed confusables.txt
var confusables string

// prototypes returns what each character of the table looks like.
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

// looksOf returns what a character looks like, in ASCII where it looks like that.
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

// onlyOne is looksOf for a character that looks like a single one.
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

// skeleton returns the letters and digits that people read in a name. Names with the
// same skeleton look alike: UTS 39, section 4, and beyond it case, accents, spaces and
// punctuation do not count.
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
	// The table has the capital I, the digit 1 and l as one, rn as m and vv as w. The rest
	// follows from the case not counting.
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

// looksLikeID reports whether people may read a name as a number: it has a digit, and
// else only digits, what looks like digits, and spaces.
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
