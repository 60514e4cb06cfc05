// Command sizes reports how large files and functions are in each folder of the
// module, and how its files depend on each other. It is a report, and never fails for a
// number. Tests and generated files are left out.
//
// A file's lines are all of its lines. A function's lines are those between its braces,
// with the braces. If a file of a package uses an object that another file of it
// declares, that is an arrow between the two. The heuristic of Eades, Lin and Smyth ("A
// fast and effective heuristic for the feedback arc set problem", 1993) puts the files of
// a package in order. Arrows against that order are back arrows. If there are none, the
// files have no circle.
//
// Usage: go run ./.ci/sizes
package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

func main() {
	packages, err := load()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sizes:", err)
		os.Exit(1)
	}
	report(packages)
}

func report(packages []pkg) {
	rooms := map[string]*room{}
	var files, functions []sized
	for _, p := range packages {
		r := rooms[p.room()]
		if r == nil {
			r = new(room)
			rooms[p.room()] = r
		}
		r.files = append(r.files, p.files...)
		r.functions = append(r.functions, p.functions...)
		r.arrows += len(p.arrows)
		r.back += back(p.arrows)
		files = append(files, p.files...)
		functions = append(functions, p.functions...)
	}
	fmt.Printf("%-10s %6s %7s   %-15s %-15s %s\n", "", "files", "lines", "file 50/90/max", "func 50/90/max", "back of arrows")
	for _, name := range slices.Sorted(maps.Keys(rooms)) {
		r := rooms[name]
		fmt.Printf("%-10s %6d %7d   %-15s %-15s %d of %d\n", name, len(r.files), sum(r.files), spread(r.files), spread(r.functions), r.back, r.arrows)
	}
	for name, list := range map[string][]sized{"files": files, "functions": functions} {
		largest(list)
		fmt.Printf("longest %s:", name)
		for _, s := range list[:min(5, len(list))] {
			fmt.Printf(" %s %d", s.name, s.lines)
		}
		fmt.Println()
	}
	var knots []sized
	for _, p := range packages {
		if n := back(p.arrows); n > 0 {
			knots = append(knots, sized{p.path, n})
		}
	}
	largest(knots)
	fmt.Print("back arrows:")
	for _, s := range knots {
		fmt.Printf(" %s %d", s.name, s.lines)
	}
	fmt.Println()
}

// room is what a top folder has.
type room struct {
	files, functions []sized
	arrows, back     int
}

// sized is a file or a function, and how many lines it has.
type sized struct {
	name  string
	lines int
}

func largest(list []sized) {
	slices.SortFunc(list, func(a, b sized) int { return cmp.Or(b.lines-a.lines, strings.Compare(a.name, b.name)) })
}

func sum(list []sized) (n int) {
	for _, s := range list {
		n += s.lines
	}
	return n
}

// spread returns the median, the ninth decile and the maximum.
func spread(list []sized) string {
	lines := make([]int, 0, len(list))
	for _, s := range list {
		lines = append(lines, s.lines)
	}
	slices.Sort(lines)
	n := len(lines)
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d/%d", lines[n/2], lines[n*9/10], lines[n-1])
}
