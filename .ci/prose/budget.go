package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// final is what all folders without a line may have together.
var final = count{headless: 20, clause: 20}

// count is how many findings of each kind there are.
type count [kinds]int

// budget has a count for each folder that has a line. The comment of the file is
// kept.
type budget struct {
	comment string
	limits  map[string]count
}

func parseBudget(text string) (budget, error) {
	b := budget{limits: map[string]count{}}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			b.comment += line
			continue
		}
		var folder string
		var c count
		if _, err := fmt.Sscanf(line, "%s %d %d %d %d", &folder, &c[headless], &c[clause], &c[long], &c[oneWord]); err != nil {
			return b, fmt.Errorf("line %q is not a folder and four numbers: %w", line, err)
		}
		if _, twice := b.limits[folder]; twice {
			return b, fmt.Errorf("folder %s has two lines", folder)
		}
		b.limits[folder] = c
	}
	return b, nil
}

func (b budget) String() string {
	var s strings.Builder
	s.WriteString(b.comment)
	for _, folder := range slices.Sorted(maps.Keys(b.limits)) {
		c := b.limits[folder]
		fmt.Fprintf(&s, "%s %d %d %d %d\n", folder, c[headless], c[clause], c[long], c[oneWord])
	}
	return s.String()
}

// count adds up the findings by the budget's lines. Those without a line are under "".
func (b budget) count(findings []finding) map[string]count {
	folders := slices.Collect(maps.Keys(b.limits))
	counts := map[string]count{}
	for _, f := range findings {
		folder := covers(folders, f.file)
		c := counts[folder]
		c[f.kind]++
		counts[folder] = c
	}
	return counts
}

// over has a line for each number that is above its limit.
func (b budget) over(counts map[string]count) (lines []string) {
	for _, folder := range slices.Sorted(maps.Keys(counts)) {
		limit, ok := b.limits[folder]
		name := folder
		if !ok {
			limit, name = final, "folders without a budget"
		}
		for k, n := range counts[folder] {
			if n > limit[k] {
				lines = append(lines, fmt.Sprintf("%s: %d %s, and the limit is %d", name, n, kind(k), limit[k]))
			}
		}
	}
	return lines
}

// lowered returns the budget with the smaller of each limit and count.
func (b budget) lowered(counts map[string]count) budget {
	limits := map[string]count{}
	for folder, limit := range b.limits {
		for k := range limit {
			limit[k] = min(limit[k], counts[folder][k])
		}
		if limit != (count{}) {
			limits[folder] = limit
		}
	}
	return budget{comment: b.comment, limits: limits}
}

// covers returns the longest of the folders that file is in, or that it is; "" if
// there is none.
func covers(folders []string, file string) (longest string) {
	for _, f := range folders {
		f = strings.TrimSuffix(f, "/")
		if (file == f || strings.HasPrefix(file, f+"/")) && len(f) > len(longest) {
			longest = f
		}
	}
	return longest
}

func summary(counts map[string]count) string {
	var s strings.Builder
	row := func(folder string, c count) {
		fmt.Fprintf(&s, "%-10s", folder)
		for k, n := range c {
			fmt.Fprintf(&s, " %4d %s", n, kind(k))
		}
		s.WriteString("\n")
	}
	var total count
	for _, folder := range slices.Sorted(maps.Keys(counts)) {
		c := counts[folder]
		for k, n := range c {
			total[k] += n
		}
		row(cmp.Or(folder, "others"), c)
	}
	row("all", total)
	return s.String()
}
