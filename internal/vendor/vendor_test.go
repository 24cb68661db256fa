package vendor

import "testing"

func TestEveryPresetSaysWhereItComesFrom(t *testing.T) {
	for _, id := range IDs() {
		v, found := Find(id)
		if !found || v.Name == "" || len(v.Principals) == 0 || len(v.Regions) == 0 || len(v.Engines) == 0 ||
			v.Handoff == "" || v.AfterShare == "" || v.Source == "" || v.Checked == "" {
			t.Errorf("preset %s is incomplete: %+v", id, v)
		}
	}
}

func TestUnknownVendorIsNotFound(t *testing.T) {
	if v, found := Find("nobody"); found {
		t.Errorf("Find(nobody) = %+v", v)
	}
}
