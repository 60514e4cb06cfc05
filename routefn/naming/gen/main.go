// Command gen writes the table of package naming: the characters that look like ASCII,
// from Unicode's confusables.txt, which it reads from a URL or a file.
//
// Usage: go run ./gen https://www.unicode.org/Public/17.0.0/security/confusables.txt
package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const output = "confusables.txt"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "gen: want the URL or the file of Unicode's confusables.txt")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(source string) error {
	in, err := open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	table, version, err := read(in)
	if err != nil {
		return fmt.Errorf("read %s: %w", source, err)
	}
	return os.WriteFile(output, []byte(write(table, version)), 0o644)
}

func open(source string) (io.ReadCloser, error) {
	if !strings.HasPrefix(source, "https://") {
		return os.Open(source)
	}
	answer, err := http.Get(source)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, fmt.Errorf("read %s: %s", source, answer.Status)
	}
	return answer.Body, nil
}

// read returns a table of the characters that look like ASCII if accents are ignored. Each
// character has the text that it looks like. The second result is the version of Unicode's
// table.
func read(in io.Reader) (table map[rune]string, version string, err error) {
	table = make(map[rune]string)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := strings.TrimPrefix(lines.Text(), "\ufeff")
		if found, ok := strings.CutPrefix(line, "# Version: "); ok {
			version = found
		}
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Split(line, ";")
		if len(fields) < 2 {
			continue
		}
		from, err := characters(fields[0])
		if err != nil || len(from) != 1 {
			return nil, "", fmt.Errorf("line %q: want one character", lines.Text())
		}
		to, err := characters(fields[1])
		if err != nil {
			return nil, "", fmt.Errorf("line %q: %w", lines.Text(), err)
		}
		if looks := plain(to); looks != "" && looks != string(from) {
			table[from[0]] = looks
		}
	}
	return table, version, lines.Err()
}

func characters(field string) (list []rune, err error) {
	for _, code := range strings.Fields(field) {
		r, err := strconv.ParseInt(code, 16, 32)
		if err != nil {
			return nil, err
		}
		list = append(list, rune(r))
	}
	return list, nil
}

// plain returns the characters without their accents. If any of them is not ASCII, it
// returns nothing.
func plain(list []rune) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(string(list)) {
		switch {
		case unicode.Is(unicode.M, r):
		case r > unicode.MaxASCII || r == '\n':
			return ""
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func write(table map[rune]string, version string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Cut by gen from Unicode's confusables.txt, version %s. (c) Unicode, Inc., Unicode License V3.\n", version)
	keys := make([]rune, 0, len(table))
	for r := range table {
		keys = append(keys, r)
	}
	slices.Sort(keys)
	for _, r := range keys {
		fmt.Fprintf(&b, "%04X %s\n", r, table[r])
	}
	return b.String()
}
