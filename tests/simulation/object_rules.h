// What an API server does to an object on its way in: defaults, normal form, validation and the rules per kind.
#pragma once

#include "tests/simulation/json_access.h"

namespace sluice::simulation {

bool has_status_subresource(const Resource& resource);
// Custom resources: a status write changes nothing else; built-in kinds let it change annotations as well.
bool is_custom(const Resource& resource);
bool has_generation(const Resource& resource);
// Whether a write to the main resource counts as a new generation.
bool new_generation(const Resource& resource, const Json& before, const Json& after);

// Removes nulls and, as typed objects do, empty maps and lists of metadata: a later JSON patch that adds below them fails.
void normalize(Json& object);
// Defaults of Deployments, ReplicaSets, Services and HTTPRoutes.
void set_defaults(const Resource& resource, Json& object);
// Names, label and annotation values, selectors, owner references, immutable fields. `before` is null on create.
Expected<void> validate(const Resource& resource, const Json* before, const Json& object);

// JSON patch (RFC 6902): a failed test is a Conflict with 422, everything else that does not apply is Invalid.
Expected<Json> json_patched(const Json& before, const Json& patch, const std::string& what);

}  // namespace sluice::simulation
