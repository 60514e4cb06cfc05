package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// report prints each step as it ends, and a table when all have.
type report struct {
	log    io.Writer
	begun  time.Time
	failed error
	rows   []string                     // modules, in the order of the table
	cells  map[string]map[column]string // by module
}

// column is one way in which a module was tried.
type column string

const (
	validated column = "validated"
	mocked    column = "mocked tests"
	planned   column = "planned"
	emulated  column = "emulated AWS"
	inAWS     column = "the real AWS"
)

var columns = []column{validated, mocked, planned, emulated, inAWS}

func newReport(log io.Writer) *report {
	return &report{log: log, begun: time.Now(), cells: map[string]map[column]string{}}
}

// step runs f, prints how it ended and how long it took, and tells whether it held.
// Once ctx has ended it does nothing.
func (r *report) step(ctx context.Context, what string, f func() error) bool {
	if ctx.Err() != nil {
		r.failed = errors.Join(r.failed, fmt.Errorf("%s: %w", what, ctx.Err()))
		return false
	}
	begun := time.Now()
	err := f()
	verdict := "ok  "
	if err != nil {
		verdict = "FAIL"
		r.failed = errors.Join(r.failed, errors.New(what))
	}
	fmt.Fprintf(r.log, "%s %6.1f s  %s\n", verdict, time.Since(begun).Seconds(), what)
	if err != nil {
		fmt.Fprintln(r.log, err)
	}
	return err == nil
}

// say puts a text into the table.
func (r *report) say(module string, c column, text string) {
	if r.cells[module] == nil {
		r.cells[module] = map[column]string{}
		r.rows = append(r.rows, module)
	}
	r.cells[module][c] = text
}

// notTried stands under each table.
const notTried = `
Numbers are resources. Planned and not applied: ElastiCache and alarms, for which the emulator
lacks what the provider asks for. Not tried: what runs on machines, whether rights are enough,
what a network lets through, instance refresh. Nobody has run any of it in the real AWS.
`

// Close prints the table and returns what failed.
func (r *report) Close() error {
	r.print()
	fmt.Fprint(r.log, notTried)
	fmt.Fprintf(r.log, "\nall of it took %v\n", time.Since(r.begun).Round(time.Second))
	return r.failed
}

func (r *report) print() {
	table := [][]string{{""}}
	for _, c := range columns {
		table[0] = append(table[0], string(c))
	}
	for _, module := range r.rows {
		row := []string{module}
		for _, c := range columns {
			row = append(row, r.cell(module, c))
		}
		table = append(table, row)
	}
	fmt.Fprintln(r.log)
	for i, row := range table {
		fmt.Fprintf(r.log, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintln(r.log, "|"+strings.Repeat("---|", len(row)))
		}
	}
}

func (r *report) cell(module string, c column) string {
	if text, ok := r.cells[module][c]; ok {
		return text
	}
	if c == inAWS {
		return "nobody yet"
	}
	return "–"
}

// yes puts a yes into the table for a module if a step held.
func (r *report) yes(held bool, module string, c column) {
	r.say(module, c, map[bool]string{true: "yes", false: "NO"}[held])
}

// count puts numbers of resources into the table, by module.
func (r *report) count(n map[string]int, c column) {
	for _, module := range slices.Sorted(maps.Keys(n)) {
		r.say(module, c, fmt.Sprint(n[module]))
	}
}
