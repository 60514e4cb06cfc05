package main

import (
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// kind is an index into counts.
type kind int

const (
	headless kind = iota
	clause
	long
	oneWord
	kinds
)

func (k kind) String() string { return [...]string{"headless", "clause", "long", "one-word"}[k] }

// maxWords is how many words a sentence of a comment may have.
const maxWords = 30

type finding struct {
	kind kind
	file string // relative to the root, with slashes
	line int    // of the comment's or the error's start
	text string
}

// findAll reads the Go files under root, except those of testdata and of folders
// whose names begin with a dot; .ci is read.
func findAll(root string) (all []finding, err error) {
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if name == "testdata" || strings.HasPrefix(name, ".") && name != "." && name != ".ci" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		all = append(all, find(set, file)...)
		return nil
	})
	return all, err
}

// find returns the findings of one file, which are none if it is generated.
func find(set *token.FileSet, file *ast.File) (found []finding) {
	if ast.IsGenerated(file) {
		return nil
	}
	name := filepath.ToSlash(set.Position(file.Package).Filename)
	add := func(k kind, pos token.Pos, text string) {
		found = append(found, finding{kind: k, file: name, line: set.Position(pos).Line, text: text})
	}
	for _, group := range file.Comments {
		for _, s := range sentences(group.Text()) {
			if isHeadless(s) {
				add(headless, group.Pos(), s)
			}
			for range headlessClause.FindAllString(s, -1) {
				add(clause, group.Pos(), s)
			}
			if countWords(s) > maxWords {
				add(long, group.Pos(), s)
			}
		}
	}
	if strings.HasSuffix(name, "_test.go") {
		return found
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if text, ok := errorText(n); ok && len(strings.Fields(text)) < 2 {
			add(oneWord, n.Pos(), text)
		}
		return true
	})
	return found
}

// errorText returns the text if n is a call of errors.New or fmt.Errorf with a
// literal text.
func errorText(n ast.Node) (string, bool) {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return "", false
	}
	function, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	pkg, ok := function.X.(*ast.Ident)
	if !ok || pkg.Name+"."+function.Sel.Name != "errors.New" && pkg.Name+"."+function.Sel.Name != "fmt.Errorf" {
		return "", false
	}
	literal, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return "", false
	}
	text, err := strconv.Unquote(literal.Value)
	return text, err == nil
}

// sentences returns the sentences of a comment's text.
func sentences(text string) (all []string) {
	for _, block := range new(comment.Parser).Parse(text).Content {
		if p, ok := block.(*comment.Paragraph); ok {
			all = append(all, split(plain(p.Text))...)
		}
	}
	return all
}

// plain returns the text as a reader sees it, with links as their words.
func plain(texts []comment.Text) string {
	var b strings.Builder
	for _, t := range texts {
		switch t := t.(type) {
		case comment.Plain:
			b.WriteString(string(t))
		case comment.Italic:
			b.WriteString(string(t))
		case *comment.Link:
			b.WriteString(plain(t.Text))
		case *comment.DocLink:
			b.WriteString(plain(t.Text))
		}
	}
	return b.String()
}

var (
	end          = regexp.MustCompile("[.!?][)\"'”’`]*$")
	abbreviation = regexp.MustCompile(`^\(?(e\.g|i\.e|etc|cf|vs|al|[A-Za-z])\.$`)
)

// split cuts a paragraph into its sentences.
func split(paragraph string) (all []string) {
	var sentence []string
	for _, word := range strings.Fields(paragraph) {
		sentence = append(sentence, word)
		if end.MatchString(word) && !abbreviation.MatchString(word) {
			all = append(all, strings.Join(sentence, " "))
			sentence = nil
		}
	}
	if len(sentence) > 0 {
		all = append(all, strings.Join(sentence, " "))
	}
	return all
}

var (
	headlessStart  = regexp.MustCompile(`^(Who|Whoever|What|Whatever|Whose)\b`)
	headlessClause = regexp.MustCompile(`[:;] (who|whoever|what|whatever|whose)\b`)
)

func isHeadless(sentence string) bool {
	return headlessStart.MatchString(sentence) && !strings.HasSuffix(sentence, "?")
}

func countWords(sentence string) (n int) {
	for _, word := range strings.Fields(sentence) {
		if strings.ContainsFunc(word, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			n++
		}
	}
	return n
}
