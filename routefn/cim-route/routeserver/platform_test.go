package routeserver

import "testing"

func TestPlatformIsRecognised(t *testing.T) {
	for name, c := range map[string]struct {
		listen   string
		function bool
		env      map[string]string
		want     place
	}{
		"server":           {want: place{listen: "127.0.0.1:8083"}},
		"server elsewhere": {listen: ":80", want: place{listen: ":80"}},
		"Lambda":           {env: map[string]string{"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001", "PORT": "1"}, want: place{lambda: true, function: true}},
		"Lambda listens nowhere": {listen: ":80", env: map[string]string{"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"},
			want: place{lambda: true, function: true}},
		"Azure":            {env: map[string]string{"FUNCTIONS_CUSTOMHANDLER_PORT": "7071", "PORT": "1"}, want: place{function: true, listen: ":7071"}},
		"Alibaba":          {env: map[string]string{"FC_SERVER_PORT": "9000"}, want: place{function: true, listen: ":9000"}},
		"Cloud Run":        {env: map[string]string{"PORT": "8080"}, want: place{function: true, listen: ":8080"}},
		"a flag wins":      {listen: ":80", env: map[string]string{"PORT": "8080"}, want: place{listen: ":80"}},
		"Tencent":          {listen: ":9000", function: true, want: place{function: true, listen: ":9000"}},
		"function on this": {function: true, want: place{function: true, listen: "127.0.0.1:8083"}},
	} {
		got := placeOf(c.listen, c.function, func(name string) string { return c.env[name] })
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
