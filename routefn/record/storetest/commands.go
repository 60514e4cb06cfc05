package storetest

import (
	"strconv"
	"strings"
	"testing"

	"github.com/cim-go/cim/routefn/record/servers"
)

// Commands returns how many commands the only master of a store executes during f, those of
// scripts included. It does not count TIME, which a Store sends now and then.
func Commands(t testing.TB, store servers.Topology, f func()) (n int) {
	t.Helper()
	c, err := store.Master(t.Context(), "any")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	f()
	info, err := c.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(info, "\r\n") {
		name, values, ok := strings.Cut(line, ":calls=")
		if !ok || strings.HasPrefix(name, "cmdstat_config") || name == "cmdstat_info" || name == "cmdstat_time" || name == "cmdstat_hello" || strings.HasPrefix(name, "cmdstat_client") {
			continue
		}
		calls, _, _ := strings.Cut(values, ",")
		count, err := strconv.Atoi(calls)
		if err != nil {
			t.Fatal(err)
		}
		n += count
	}
	return n
}
