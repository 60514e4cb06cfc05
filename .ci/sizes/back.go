package main

import (
	"maps"
	"slices"
)

// back returns how many arrows run against the order that the heuristic of Eades, Lin
// and Smyth gives to the files.
func back(arrows map[arrow]bool) (n int) {
	place := map[string]int{}
	for i, file := range order(arrows) {
		place[file] = i
	}
	for a := range arrows {
		if place[a.from] > place[a.to] {
			n++
		}
	}
	return n
}

// order takes the files one after another. A file that uses none of the rest goes to the
// end. A file that none of the rest uses goes to the front. Otherwise the file with the
// most arrows from it, less those to it, goes to the front. Of equal files the first by
// name is taken.
func order(arrows map[arrow]bool) []string {
	rest := map[string]bool{}
	for a := range arrows {
		rest[a.from], rest[a.to] = true, true
	}
	var front, end []string
	for len(rest) > 0 {
		uses, used := degrees(arrows, rest)
		var best string
		var atEnd bool
		for _, file := range slices.Sorted(maps.Keys(rest)) {
			if uses[file] == 0 {
				best, atEnd = file, true
				break
			}
			if used[file] == 0 {
				best = file
				break
			}
			if best == "" || uses[file]-used[file] > uses[best]-used[best] {
				best = file
			}
		}
		delete(rest, best)
		if atEnd {
			end = append(end, best)
		} else {
			front = append(front, best)
		}
	}
	slices.Reverse(end)
	return append(front, end...)
}

// degrees returns how many files of the rest each of them uses, and is used by.
func degrees(arrows map[arrow]bool, rest map[string]bool) (uses, used map[string]int) {
	uses, used = map[string]int{}, map[string]int{}
	for a := range arrows {
		if rest[a.from] && rest[a.to] {
			uses[a.from]++
			used[a.to]++
		}
	}
	return uses, used
}
