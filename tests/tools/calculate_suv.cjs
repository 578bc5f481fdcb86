// Header attributes of a PET series on stdin, one SUV factor per instance on stdout.
const { calculateSUVScalingFactors } = require("@cornerstonejs/calculate-suv");
const instances = JSON.parse(require("fs").readFileSync(0, "utf8"));
const factors = calculateSUVScalingFactors(instances);
console.log(JSON.stringify(factors.map((factor) => factor.suvbw)));
