package main

import (
	"slices"
	"testing"
	"time"
)

const log = `{"n":1,"session":"e-1","service":"lambda","action":"Invoke","resources":["arn:aws:lambda:eu-central-1:111122223333:function:rdslink-create-target-group"],"status":200,"millis":12.5}
{"n":2,"session":"rdslink-create-target-group","service":"elasticloadbalancing","action":"DescribeTargetGroups","status":200,"millis":1}
{"n":3,"session":"rdslink-create-target-group","service":"elasticloadbalancing","action":"DescribeTargetGroups","status":200,"millis":1}
{"n":4,"session":"rdslink-create-target-group","service":"elasticloadbalancing","action":"CreateTargetGroup","status":200,"millis":1}
{"n":5,"session":"e-1","service":"lambda","action":"Invoke","resources":["rdslink-create-target-group"],"status":200,"millis":7.5}
{"n":6,"session":"e-2","service":"lambda","action":"Invoke","resources":["rdslink-create-target-group"],"status":200,"millis":9}
`

func TestCalls(t *testing.T) {
	all, err := parseCalls([]byte(log))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := all.invocations("e-1", "rdslink-create-target-group"), (durations{12500 * time.Microsecond, 7500 * time.Microsecond}); !slices.Equal(got, want) {
		t.Errorf("the invocations took %v, want %v", got, want)
	}
	if got := all.invocations("e-1", "rdslink-create-target"); got != nil {
		t.Errorf("another function was invoked: %v", got)
	}
	mine := all.by("rdslink-create-target-group")
	if got, want := mine.actions(1), "CreateTargetGroup, DescribeTargetGroups 2"; got != want {
		t.Errorf("the actions are %s, want %s", got, want)
	}
	if got, want := mine.actions(2), "CreateTargetGroup 0.5, DescribeTargetGroups"; got != want {
		t.Errorf("the actions of each of two are %s, want %s", got, want)
	}
	if len(all) != 6 {
		t.Errorf("%d calls are left, want all 6", len(all))
	}
}

func TestALogThatIsNoLogIsAnError(t *testing.T) {
	if all, err := parseCalls([]byte("not found\n")); err == nil {
		t.Errorf("it was read as %v", all)
	}
}
