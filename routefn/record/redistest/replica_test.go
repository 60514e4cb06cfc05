package redistest

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	ownOffset  = regexp.MustCompile(`master_repl_offset:(\d+)`)
	toldOffset = regexp.MustCompile(`slave\d+:.*,offset=(\d+)`)
)

// awaitReplicas blocks until all replicas have reported to their primaries that they
// have all writes so far.
func awaitReplicas(t *testing.T, servers []*Server) {
	t.Helper()
	for _, s := range servers {
		info, err := s.ask(t.Context(), "info", "replication").Text()
		if err != nil {
			t.Fatal(err)
		}
		done := offsetsIn(ownOffset, info)[0]
		err = await(t.Context(), func() error {
			info, err := s.ask(t.Context(), "info", "replication").Text()
			told := offsetsIn(toldOffset, info)
			if strings.Contains(info, "role:master") && len(told) == 0 {
				return errors.New("no replica is connected")
			}
			for _, has := range told {
				if has < done {
					return errors.New("a replica is behind")
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func offsetsIn(pattern *regexp.Regexp, info string) (list []int64) {
	for _, match := range pattern.FindAllStringSubmatch(info, -1) {
		n, _ := strconv.ParseInt(match[1], 10, 64) // digits
		list = append(list, n)
	}
	return list
}
