package rds

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdslink/rdslink/local/wire"
)

func TestServerlessCapacity(t *testing.T) {
	for name, row := range map[string]struct {
		engine      string
		least, most float64
		pause       *int32
		code        string
		pauses      int32
	}{
		"that pauses":              {engine: "aurora-postgresql", least: 0, most: 8, pauses: 300},
		"that pauses after a time": {engine: "aurora-mysql", least: 0, most: 1, pause: aws.Int32(86400), pauses: 86400},
		"that does not pause":      {engine: "aurora-postgresql", least: 0.5, most: 8},
		"of a Multi-AZ DB cluster": {engine: "postgres", least: 0.5, most: 8, code: "InvalidParameterCombination"},
		"in quarters":              {engine: "aurora-postgresql", least: 0.25, most: 8, code: "InvalidParameterValue"},
		"upside down":              {engine: "aurora-postgresql", least: 8, most: 4, code: "InvalidParameterValue"},
		"beyond the most":          {engine: "aurora-postgresql", least: 8, most: 300, code: "InvalidParameterValue"},
		"that pauses too soon":     {engine: "aurora-postgresql", least: 0, most: 8, pause: aws.Int32(60), code: "InvalidParameterValue"},
		"that pauses above 0":      {engine: "aurora-postgresql", least: 1, most: 8, pause: aws.Int32(300), code: "InvalidParameterCombination"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := scaling(row.engine, &types.ServerlessV2ScalingConfiguration{MinCapacity: &row.least, MaxCapacity: &row.most, SecondsUntilAutoPause: row.pause})
			e, _ := errors.AsType[*wire.Error](err)
			switch {
			case row.code != "" && (e == nil || e.Code != row.code):
				t.Errorf("error = %v, want %s", err, row.code)
			case row.code == "" && (err != nil || *got.MinCapacity != row.least || aws.ToInt32(got.SecondsUntilAutoPause) != row.pauses):
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}
