package client

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/cim-go/cim/proto"
)

// exportAnswer is a page of an export.
type exportAnswer struct{ lines, link string }

// export answers with one of two pages.
func (k *cluster) export(cursor string) (any, *proto.ErrorAnswer) {
	page := exportAnswer{`{"kind":"cim","version":1}` + "\n" + `{"kind":"account"}` + "\n", `<?cursor=a%2Bb>; rel="next"`}
	switch cursor {
	case "":
	case "a+b":
		page = exportAnswer{`{"kind":"end","records":1}` + "\n", ""}
	default:
		return nil, refuse(proto.Invalid)
	}
	if k.linkless {
		page.link = ""
	}
	return page, nil
}

// A page that a route refuses for now is asked for again.
func TestExportHasAllPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		c := connect(t, k.config())
		asked := 0
		k.setOnCall(func(path string, _ []byte) *proto.ErrorAnswer {
			if path != proto.PathExport {
				return nil
			}
			if asked++; asked == 2 {
				return refuse(proto.Limited)
			}
			return nil
		})
		var file bytes.Buffer
		if err := c.Export(t.Context(), &file); err != nil {
			t.Fatal(err)
		}
		want := `{"kind":"cim","version":1}` + "\n" + `{"kind":"account"}` + "\n" + `{"kind":"end","records":1}` + "\n"
		if file.String() != want || asked != 3 {
			t.Errorf("after %d requests the file is %s", asked, file.String())
		}
		if p, err := c.ExportPage(t.Context(), "a+b"); err != nil || p.Next != "" {
			t.Errorf("the last page: %+v, %v", p, err)
		}
		if _, err := c.ExportPage(t.Context(), "another's"); codeOf(err) != proto.Invalid {
			t.Errorf("a foreign cursor: %v", err)
		}
	})
}

// A file that lacks pages must not look complete.
func TestExportWithoutLinksFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newCluster()
		k.linkless = true
		c := connect(t, k.config())
		if err := c.Export(t.Context(), new(bytes.Buffer)); !errors.Is(err, ErrNotRoute) {
			t.Errorf("export: %v", err)
		}
	})
}
