// Command prose counts sentences and errors that are hard to read, in each folder of
// the Go code. It fails if a folder has more of them than its budget allows.
//
// It counts four things:
//
//	headless   a sentence of a comment that begins with Who, Whoever, What, Whatever
//	           or Whose and is not a question
//	clause     such a beginning after a colon or a semicolon
//	long       a sentence of a comment of more than 30 words
//	one-word   a text of errors.New or fmt.Errorf that is one word, outside of tests
//
// Sentences are counted in paragraphs, as go/doc/comment parses them. Headings, code,
// lists, directives and generated files are left out. A sentence ends before a space,
// at a full stop, question mark or exclamation mark with the brackets and quotes that
// close it. The stops of e.g., i.e., etc., cf., vs., al. and of single letters do not
// end a sentence. A word stands between spaces and has a letter or a digit.
//
// Each line of the budget is a folder and four numbers, in that order. A subfolder may
// have a line of its own; its findings then do not count for the folder. Numbers only
// go down: -lower writes today's where they are smaller, and removes a line of zeroes.
// All folders without a line together may have 20 headless sentences, 20 such clauses,
// no long sentence and no error of one word.
//
// Usage: go run ./.ci/prose [-lower | -list [file or folder ...]]
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

const budgetFile = ".ci/prose/budget"

func main() {
	lower := flag.Bool("lower", false, "write the budget anew, with today's counts where they are smaller")
	list := flag.Bool("list", false, "print each finding in the given files and folders, or in all")
	flag.Parse()
	var err error
	if *list {
		err = printFindings(flag.Args())
	} else {
		err = check(*lower)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "prose:", err)
		os.Exit(1)
	}
}

func printFindings(within []string) error {
	findings, err := findAll(".")
	if err != nil {
		return err
	}
	for _, f := range findings {
		if len(within) == 0 || covers(within, f.file) != "" {
			fmt.Printf("%s:%d: %s: %s\n", f.file, f.line, f.kind, f.text)
		}
	}
	return nil
}

func check(lower bool) error {
	findings, err := findAll(".")
	if err != nil {
		return err
	}
	text, err := os.ReadFile(budgetFile)
	if err != nil {
		return err
	}
	b, err := parseBudget(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", budgetFile, err)
	}
	counts := b.count(findings)
	if over := b.over(counts); len(over) > 0 {
		return fmt.Errorf("too many of a kind:\n%s\n`go run ./.ci/prose -list FOLDER` prints them", strings.Join(over, "\n"))
	}
	if lower {
		return os.WriteFile(budgetFile, []byte(b.lowered(counts).String()), 0o644)
	}
	fmt.Print(summary(counts))
	return nil
}
