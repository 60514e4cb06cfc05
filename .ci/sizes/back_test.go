package main

import "testing"

func TestBackArrowsAreThoseOfCircles(t *testing.T) {
	for name, c := range map[string]struct {
		arrows []arrow
		want   int
	}{
		"none":             {nil, 0},
		"a line":           {[]arrow{{"c", "b"}, {"b", "a"}, {"c", "a"}}, 0},
		"a pair":           {[]arrow{{"a", "b"}, {"b", "a"}}, 1},
		"a circle":         {[]arrow{{"a", "b"}, {"b", "c"}, {"c", "a"}}, 1},
		"one for all":      {[]arrow{{"hub", "a"}, {"hub", "b"}, {"hub", "c"}, {"a", "hub"}}, 1},
		"two apart":        {[]arrow{{"a", "b"}, {"b", "a"}, {"c", "d"}, {"d", "c"}}, 2},
		"a line on a pair": {[]arrow{{"x", "a"}, {"a", "b"}, {"b", "a"}, {"b", "y"}}, 1},
	} {
		arrows := map[arrow]bool{}
		for _, a := range c.arrows {
			arrows[a] = true
		}
		if got := back(arrows); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
