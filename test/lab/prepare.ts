// Gets ready what the lab needs beyond Debian packages, the kernel: `node test/lab/prepare.ts`. Only looks where that
// is there, and with CAUSEWAY_SETUP=check.
import { usableAccelerator } from './accelerator.ts';
import { fetchKernel, findKernel } from './kernel.ts';
import { findProgram } from './qemu.ts';
import { labMissing, toolsMissing } from './requirements.ts';

const mayFetch = process.env.CAUSEWAY_SETUP !== 'check' && findProgram('apt-get') !== null;
if (toolsMissing() === null && findKernel() === null && mayFetch) {
  console.log("lab: downloading Debian's kernel, about 70 MB");
  fetchKernel();
}
const missing = labMissing();
if (missing === null) {
  console.log(`lab: ready, accelerator ${await usableAccelerator()}`);
} else {
  console.log(`lab: ${missing}`);
  process.exitCode = 1;
}
