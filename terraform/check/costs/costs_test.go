package main

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

func TestPageHasTheNumbersOfTheFormulas(t *testing.T) {
	if err := update("../../COSTS.md", true); err != nil {
		t.Error(err)
	}
}

// The bill is that of aws as it is, so what it assumes has to be what aws does.
func TestAssumptionsAreTheDefaultsOfAWS(t *testing.T) {
	for what, want := range map[string]struct {
		file, expression string
		number           float64
	}{
		"capacity":      {"../../aws/variables.tf", `capacity += optional\(number, (\d+)\)`, capacity},
		"nodes":         {"../../aws/variables.tf", `min += optional\(number, (\d+)\)`, least},
		"replicas":      {"../../aws/variables.tf", `replicas += optional\(number, (\d+)\)`, replicas},
		"snapshot days": {"../../aws/variables.tf", `snapshot_days += optional\(number, (\d+)\)`, snapshotDays},
		"memory":        {"../../aws/variables.tf", `memory += optional\(number, (\d+)\)`, memory * 1024},
		"retention":     {"../../aws/variables.tf", `days += optional\(number, (\d+)\)`, usual(1).retention},
		"zones":         {"../../aws/variables.tf", `(?s)variable "zone_count".*?default += (\d+)`, zones},
		"disk":          {"../../modules/node/main.tf", `volume_size = (\d+)`, disk},
		"type":          {"../../aws/variables.tf", `type += optional\(string, "c(\d+)g.large"\)`, 7},
	} {
		text, err := os.ReadFile(want.file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(want.expression).FindStringSubmatch(string(text))
		if found == nil {
			t.Errorf("%s: %s has nothing like %s", what, want.file, want.expression)
			continue
		}
		if got, _ := strconv.ParseFloat(found[1], 64); got != want.number {
			t.Errorf("%s is %v in %s, and %v here", what, got, want.file, want.number)
		}
	}
}

func TestStoreHoldsTheDataAndIsTheCheapest(t *testing.T) {
	for _, data := range []float64{0.01, 0.7, 0.9, 5, 8, 30, 500} {
		got, shards := storeFor(data)
		if got.gib*(1<<30)*usable*shards < data*1e9 {
			t.Errorf("%v x %s do not hold %v GB", shards, got.name, data)
		}
		for _, other := range stores {
			for n := 1.0; n*other.usd < shards*got.usd; n++ {
				if other.gib*(1<<30)*usable*n >= data*1e9 {
					t.Errorf("%v GB are on %v x %s, and %v x %s would do for less", data, shards, got.name, n, other.name)
				}
			}
		}
	}
}
