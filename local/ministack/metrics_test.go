package ministack_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// A set of no dimensions makes a metric without dimensions; what names a dimension makes another metric.
func TestLinesInTheEmbeddedMetricFormatAreValuesOfMetrics(t *testing.T) {
	_, _, config := start(t)
	logs := cloudwatchlogs.NewFromConfig(config)
	group, stream, now := aws.String("/aws/lambda/measuring"), aws.String("1"), time.Now()
	if _, err := logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: group}); err != nil {
		t.Fatal(err)
	}
	if _, err := logs.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: group, LogStreamName: stream}); err != nil {
		t.Fatal(err)
	}
	put := func(line string) {
		t.Helper()
		_, err := logs.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: group, LogStreamName: stream,
			LogEvents: []types.InputLogEvent{{Message: &line, Timestamp: aws.Int64(now.UnixMilli())}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	measured := func(dimensions string, age int) {
		put(fmt.Sprintf(`{"Age":%d,"host":"a","_aws":{"Timestamp":%d,"CloudWatchMetrics":[{"Namespace":"own","Dimensions":%s,"Metrics":[{"Name":"Age"}]}]}}`,
			age, now.UnixMilli(), dimensions))
	}
	sumOf := func(namespace, metric, named, dimension string) string {
		t.Helper()
		form := url.Values{"Action": {"GetMetricStatistics"}, "Version": {"2010-08-01"}, "Namespace": {namespace}, "MetricName": {metric}, "Period": {"3600"},
			"Statistics.member.1": {"Sum"}, "StartTime": {now.Add(-time.Hour).UTC().Format(time.RFC3339)}, "EndTime": {now.Add(time.Hour).UTC().Format(time.RFC3339)}}
		if dimension != "" {
			form.Set("Dimensions.member.1.Name", named)
			form.Set("Dimensions.member.1.Value", dimension)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, aws.ToString(config.BaseEndpoint), strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+account+"/20260101/eu-central-1/monitoring/aws4_request")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(body), "<Sum>")
		value, _, _ := strings.Cut(rest, "</Sum>")
		return value
	}
	sum := func(dimension string) string { return sumOf("own", "Age", "host", dimension) }
	put("a line that is no metric")
	if got := sum(""); got != "" {
		t.Errorf("before anything is measured the sum is %s", got)
	}
	measured(`[[]]`, 7)
	measured(`[["host"]]`, 100)
	if without, with := sum(""), sum("a"); without != "7.0" || with != "100.0" {
		t.Errorf("the sums are %q without and %q with dimensions", without, with)
	}
	measured(`[[],["host"]]`, 2)
	if without, with := sum(""), sum("a"); without != "9.0" || with != "102.0" {
		t.Errorf("the sums are then %q without and %q with dimensions", without, with)
	}
	if got := sumOf("AWS/Lambda", "Throttles", "FunctionName", "f"); got == "" {
		t.Error("what the front has measured of a function is no metric")
	}
}
