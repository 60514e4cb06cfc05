package chat

import (
	"strings"
	"unicode"

	"github.com/kyokomi/emoji/v2"
)

// cleanText returns a stranger's text in a form that cannot make a terminal do anything
// but show it. It removes control characters, which could move the cursor, set the title
// or type for the user. It also removes characters that reverse the direction of writing.
// Lines after the first are indented, so that a text cannot look like another user's
// line. Emoji aliases become emoji.
func cleanText(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, line := range lines {
		lines[i] = emojized(cleaned(line, func(rune) bool { return false }))
	}
	return strings.Join(lines, "\n    ")
}

// CleanLine does what cleanText does, for a text that must stay one line, such as a name.
// It also removes characters without a width, which old names may have. It keeps the
// joiners, which some scripts and emoji need inside of words.
func CleanLine(s string) string {
	return cleaned(s, func(r rune) bool { return unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Join_Control, r) })
}

// cleaned replaces characters that a terminal may obey, and characters for which the
// function unwanted returns true.
func cleaned(s string, unwanted func(rune) bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case Obeyed(r), unwanted(r):
			return unicode.ReplacementChar
		default:
			return r
		}
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}

// Obeyed reports whether a terminal may obey a character and not show it. Such characters
// are controls, changes of the direction of writing, and ends of lines.
func Obeyed(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// emojized replaces aliases such as :smile:. The library puts a space behind each emoji.
// If that space was not in s, emojized removes it.
func emojized(s string) string {
	if strings.Count(s, ":") < 2 {
		return s
	}
	var b strings.Builder
	for {
		start := strings.IndexByte(s, ':')
		if start < 0 {
			break
		}
		end := strings.IndexByte(s[start+1:], ':')
		if end < 0 {
			break
		}
		alias := s[start : start+end+2]
		b.WriteString(s[:start])
		if picture, ok := emoji.CodeMap()[alias]; ok {
			b.WriteString(picture)
			s = s[start+len(alias):]
			continue
		}
		b.WriteString(alias[:len(alias)-1])
		s = s[start+len(alias)-1:] // the last colon of this alias may begin another one
	}
	return b.String() + s
}
