package naming

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/cim-go/cim/routefn/check"
)

// Normal returns the name in Unicode's normal form C. New names are stored in that
// form.
func Normal(name string) string { return norm.NFC.String(name) }

// Account returns the normal form of a name that a user has chosen for a new account. If
// users must not choose the name, Account returns the reason as an error.
func Account(name string) (string, error) {
	name = Normal(name)
	if err := shape(name); err != nil {
		return "", err
	}
	if looksLikeID(name) {
		return "", check.Invalid("A name does not look like a number.")
	}
	return name, reserved(name)
}

// Group does what Account does, for the name of a group. It also refuses names that
// look like an id with a g or "group" before it, as people write ids of groups.
func Group(name string) (string, error) {
	name = Normal(name)
	if err := shape(name); err != nil {
		return "", err
	}
	id := strings.TrimPrefix(strings.TrimPrefix(strings.ToLower(norm.NFKC.String(name)), "g"), "roup ")
	if looksLikeID(name) || looksLikeID(id) {
		return "", check.Invalid("A name does not look like a number.")
	}
	return name, reserved(name)
}

// shape refuses a name with invisible characters, with too many combining marks, or with
// punctuation that makes the name look like something else.
func shape(name string) error {
	if err := check.Name(name); err != nil {
		return err
	}
	if strings.ContainsFunc(name, func(r rune) bool { return !visible(r) }) {
		return check.Invalid("A name has no invisible characters.")
	}
	if err := marks(name); err != nil {
		return err
	}
	return punctuation(name)
}

// ideographicSpace is the space of Chinese and Japanese input methods.
const ideographicSpace = '\u3000'

// brailleBlank is a braille pattern without dots.
const brailleBlank = '\u2800'

// visible reports whether people can see a character. It also returns true for the two
// spaces that people type. It returns true for variation selectors, too, because the
// function marks decides about these.
func visible(r rune) bool {
	switch {
	case r == ideographicSpace, unicode.Is(unicode.Variation_Selector, r):
		return true
	case unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r), r == brailleBlank, r == unicode.ReplacementChar:
		return false
	}
	return unicode.IsPrint(r)
}

// mostMarks is how many combining marks one character may have. Vietnamese and the
// Indic scripts need three.
const mostMarks = 4

// emojiStyle is a variation selector that asks for the coloured form of the symbol
// before it. Keyboards add it.
const emojiStyle = '\ufe0f'

// marks refuses combining marks that belong to no character or are too many. It also
// refuses variation selectors, which are invisible, except emojiStyle after a symbol.
func marks(name string) error {
	before, run := rune(-1), 0
	for _, r := range name {
		switch {
		case r == emojiStyle && unicode.Is(unicode.So, before):
		case unicode.Is(unicode.Variation_Selector, r):
			return check.Invalid("A name has no invisible characters.")
		case !unicode.Is(unicode.M, r):
			run = 0
		default:
			if run++; run > mostMarks || before < 0 || unicode.IsSpace(before) {
				return check.Invalid("A name has at most four marks on one character, and none alone.")
			}
		}
		before = r
	}
	return nil
}

// first has the characters with which the terminal and the page begin texts that are not
// names. Such texts stand for groups, commands, notices, errors, prompts, conversations
// and delivery marks.
const first = "#:;*!>[]{}<|✓✔☑✅【】〔〕〖〗"

// punctuation refuses names that begin with such a character, or that look like the
// beginning of somebody's message.
func punctuation(name string) error {
	var prototype []rune
	for _, r := range name {
		prototype = append(prototype, onlyOne(r))
	}
	text := string(prototype)
	switch {
	case strings.ContainsRune(first, prototype[0]):
		return check.Invalid("A name begins with a letter, a digit or a symbol that marks nothing here.")
	case strings.HasSuffix(text, ":"), strings.Contains(text, ": "), strings.Contains(text, " :"), strings.Contains(text, ";;"):
		return check.Invalid("A name does not end with a colon, and has none beside a space, nor two semicolons.")
	case strings.Contains(text, "  "):
		return check.Invalid("A name has no two spaces in a row.")
	}
	return nil
}
