package main

import "testing"

func TestParseResident(t *testing.T) {
	for name, row := range map[string]struct {
		status string
		want   float64
		fails  bool
	}{
		"as the kernel writes it": {status: "Name:\tbootstrap\nVmHWM:\t   20000 kB\nVmRSS:\t   12500 kB\nRssAnon:\t    9000 kB\n", want: 12.8},
		"a process that is over":  {status: "Name:\tbootstrap\nState:\tZ (zombie)\n", fails: true},
		"no number":               {status: "VmRSS:\t much kB\n", fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseResident(row.status)
			if (err != nil) != row.fails || got != row.want {
				t.Errorf("it is %v MB, %v; want %v", got, err, row.want)
			}
		})
	}
}

func TestFunctionOf(t *testing.T) {
	const here = "http://localhost:4566"
	for name, row := range map[string]struct {
		environment, want string
	}{
		"a function of this cloud":    {"PATH=/bin\x00AWS_LAMBDA_FUNCTION_NAME=rdslink-observer\x00AWS_ENDPOINT_URL=http://localhost:4566\x00", "rdslink-observer"},
		"a function of another cloud": {"AWS_LAMBDA_FUNCTION_NAME=rdslink-observer\x00AWS_ENDPOINT_URL=http://localhost:45660\x00", ""},
		"a shell":                     {"PATH=/bin\x00AWS_ENDPOINT_URL=http://localhost:4566\x00", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := functionOf(row.environment, here)
			if ok != (row.want != "") || ok && got != row.want {
				t.Errorf("it is %q, %t; want %q", got, ok, row.want)
			}
		})
	}
}
