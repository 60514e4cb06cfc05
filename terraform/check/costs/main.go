// Command costs computes what aws costs a month and writes it into a page, between the
// marks; with -check it only says whether the page has other numbers.
//
//	go run ./costs [-check] ../COSTS.md
//
// The formulas that the page shows stand beside those that compute, in model.go; the
// prices are in prices.go, each with where it was read.
package main

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

func main() {
	check := flag.Bool("check", false, "write nothing, and fail if something would be written")
	flag.Parse()
	if err := update(flag.Arg(0), *check); err != nil {
		fmt.Fprintln(os.Stderr, "costs:", err)
		os.Exit(1)
	}
}

// begin and end stand around what is made.
const (
	begin = "<!-- made by terraform/check/costs -->\n"
	end   = "<!-- end -->\n"
)

func update(path string, check bool) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(old), begin)
	_, tail, ok1 := strings.Cut(rest, end)
	if !ok || !ok1 {
		return fmt.Errorf("%s lacks the marks %q and %q", path, begin, end)
	}
	made := head + begin + tables(columns()) + end + tail
	switch {
	case made == string(old):
		return nil
	case check:
		return errors.New(path + " has other numbers than its formulas give: go run ./costs " + path + " in terraform/check")
	}
	return os.WriteFile(path, []byte(made), 0o644)
}

// columns are the loads that the page has.
func columns() []load {
	short := usual(1_000_000)
	short.retention = 3
	return []load{usual(1_000), usual(1_000_000), short}
}

// tables returns the sizes, the bill and the prices.
func tables(loads []load) string {
	var out bytes.Buffer
	sizes := make([]size, len(loads))
	for i, l := range loads {
		sizes[i] = sizeOf(l)
	}
	row := func(what string, of func(load, size) string, last ...string) {
		fmt.Fprintf(&out, "| %s |", what)
		for i, l := range loads {
			fmt.Fprintf(&out, " %s |", of(l, sizes[i]))
		}
		for _, cell := range last {
			fmt.Fprintf(&out, " %s |", cell)
		}
		fmt.Fprintln(&out)
	}
	rule := "|---|" + strings.Repeat("---:|", len(loads))
	title := func(l load, _ size) string {
		return fmt.Sprintf("%s users, %.0f days kept", count(l.users), l.retention)
	}
	row("", title)
	fmt.Fprintln(&out, rule)
	row("nodes, c7g.large", func(_ load, s size) string { return count(s.nodes) })
	row("connections, over the day", func(_ load, s size) string { return count(s.connected) })
	row("messages a month", func(_ load, s size) string { return count(s.sent) })
	row("requests to the function a month", func(_ load, s size) string { return count(s.requests) })
	row("data in the store, GB", func(_ load, s size) string { return fmt.Sprintf("%.1f", s.data) })
	row("its masters, each with a replica", func(_ load, s size) string { return fmt.Sprintf("%.0f × %s", s.shards, s.store.name) })
	row("data out a month, GB", func(_ load, s size) string { return count(s.out) })

	fmt.Fprintln(&out)
	row("US dollars a month", title, "formula")
	fmt.Fprintln(&out, rule+"---|")
	for _, l := range bill {
		row(l.what, func(load load, s size) string { return fmt.Sprintf("%.2f", l.usd(load, s)) }, l.formula)
	}
	row("**together**", func(l load, s size) string { return "**" + count(total(l, s)) + "**" }, "")
	row("a user", func(l load, s size) string { return fmt.Sprintf("%.4f", total(l, s)/l.users) }, "")

	fmt.Fprintf(&out, "\nFrom %.0f million requests a month two servers of the nodes' type cost less than the API, the function and their logs.\n",
		2*hours*usd("node")/perMillion())
	fmt.Fprint(&out, "\n| price | US dollars | a | read |\n|---|---:|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(prices)) {
		p := prices[name]
		fmt.Fprintf(&out, "| `%s`: %s | %s | %s | %s |\n", name, p.what, strconv.FormatFloat(p.usd, 'f', -1, 64), p.unit, cmp.Or(p.where, "as remembered: check"))
	}
	for _, s := range stores {
		fmt.Fprintf(&out, "| ElastiCache for Valkey, `%s`, %v GiB | %v | hour | AWS' price list of 2026-10-02, as a public table has it |\n", s.name, s.gib, s.usd)
	}
	return out.String()
}

// count writes a number with a comma every three digits.
func count(f float64) string {
	digits := fmt.Sprintf("%.0f", f)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
