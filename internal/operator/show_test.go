package operator

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/rdslink/rdslink/internal/deployment"
)

func TestAStackSaysWhatItWasDeployedWith(t *testing.T) {
	for name, row := range map[string]struct {
		outputs  map[string]string
		patience time.Duration
		err      string
	}{
		"its patience":          {outputs: map[string]string{"RegistryTableName": "exposures", "Patience": "7m0s"}, patience: 7 * time.Minute},
		"of an earlier version": {outputs: map[string]string{"RegistryTableName": "exposures"}, patience: 5 * time.Minute},
		"of a still earlier one": {outputs: map[string]string{"Patience": "5m0s"},
			err: "stack rdslink has no output RegistryTableName: it is of an earlier version, deploy this one"},
		"a patience that is none": {outputs: map[string]string{"RegistryTableName": "exposures", "Patience": "long"},
			err: `output Patience of stack rdslink: patience "long" is no duration, such as 5m`},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				var outputs strings.Builder
				for key, value := range row.outputs {
					fmt.Fprintf(&outputs, "<member><OutputKey>%s</OutputKey><OutputValue>%s</OutputValue></member>", key, value)
				}
				fmt.Fprintf(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>rdslink</StackName>
					<Outputs>%s</Outputs><Tags><member><Key>team</Key><Value>data</Value></member></Tags>
					</member></Stacks></DescribeStacksResult></DescribeStacksResponse>`, outputs.String())
			}))
			defer cloud.Close()
			found, err := New(aws.Config{
				Region: "eu-central-1", BaseEndpoint: &cloud.URL, Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
			}, deployment.Unnamed).installed(t.Context())
			if row.err != "" {
				if err == nil || err.Error() != row.err {
					t.Errorf("got %v, want %s", err, row.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if found.table != "exposures" || found.patience != row.patience || found.owner.Tags["team"] != "data" {
				t.Errorf("got %+v", found)
			}
		})
	}
}
