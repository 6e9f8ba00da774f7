'use strict';
// One textured head in WebGL2: it turns by itself until somebody turns it.

const VERTEX = `#version 300 es
in vec3 position; in vec3 normal; in vec2 texel;
uniform mat4 view;
out vec3 direction; out vec2 uv;
void main() { direction = normal; uv = texel; gl_Position = view * vec4(position, 1); }`;

// A warm key light from the camera's upper right, sky above and floor below, a thin rim; linear light until the end.
const FRAGMENT = `#version 300 es
precision highp float;
in vec3 direction; in vec2 uv;
uniform sampler2D map; uniform vec3 key, eye; uniform float lit, ball;
out vec4 colour;
// An eyeball from its front: pupil, iris with a darker rim, and a white that the lids shade. Maps say nothing of eyes.
vec3 painted(vec2 at) {
  float far = length(at);
  vec3 iris = mix(vec3(.10, .052, .026), vec3(.02, .012, .008), smoothstep(.28, .45, far));
  vec3 inner = mix(vec3(.003), iris, smoothstep(.17, .20, far));
  vec3 white = vec3(.52, .46, .43) * (1.1 - .75 * far * far);
  return mix(inner, white, smoothstep(.43, .49, far)) * (1. - .65 * smoothstep(-.1, .5, -at.y));
}
void main() {
  vec3 n = normalize(direction), albedo = ball > 0. ? painted(2. * uv - 1.) : texture(map, uv).rgb;
  float facing = max(0., dot(n, eye)), rim = pow(1. - facing, 3.);
  vec3 light = mix(vec3(.40, .37, .35), vec3(.64, .65, .68), .5 + .5 * n.y) + vec3(.64, .60, .55) * max(0., dot(n, key));
  vec3 shaded = albedo * mix(vec3(1), light + .06 * rim, lit) + ball * lit * .35 * pow(max(0., dot(n, normalize(key + eye))), 90.);
  colour = vec4(pow(shaded, vec3(1. / 2.2)), 1);
}`;

/** Makes a viewer in a canvas for heads of a topology: `show(head, image)`, `light(on)`; null without WebGL2. */
function makeViewer(canvas, topology) {
  const gl = canvas.getContext('webgl2', {antialias: true});
  if (!gl) return null;
  const program = linked(gl), place = name => gl.getUniformLocation(program, name);
  const uniforms = {view: place('view'), key: place('key'), eye: place('eye'), lit: place('lit'), ball: place('ball')};
  const positions = attribute(gl, program, 'position', 3, gl.FLOAT, null), normals = attribute(gl, program, 'normal', 3, gl.FLOAT, null);
  attribute(gl, program, 'texel', 2, gl.UNSIGNED_SHORT, topology.uv);
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, topology.index, gl.STATIC_DRAW);
  const wide = topology.index instanceof Uint32Array ? gl.UNSIGNED_INT : gl.UNSIGNED_SHORT;
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
  for (const axis of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, axis, gl.CLAMP_TO_EDGE);
  const sharp = gl.getExtension('EXT_texture_filter_anisotropic');
  if (sharp) gl.texParameterf(gl.TEXTURE_2D, sharp.TEXTURE_MAX_ANISOTROPY_EXT, 8);
  gl.enable(gl.DEPTH_TEST);

  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const camera = {yaw: -0.5, pitch: 0.04, far: 1, turning: !still, centre: [0, 0, 0], size: 1, lit: 1};
  let dirty = false, ready = false;
  turnByHand(canvas, camera, () => { dirty = true; });

  function draw() {
    requestAnimationFrame(draw);
    if (!ready || !canvas.offsetParent || !(dirty || camera.turning)) return;
    const ratio = Math.min(2, devicePixelRatio || 1), width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    if (camera.turning) camera.yaw += 0.006;
    dirty = false;
    const {matrix, x, y, z} = lookAt(camera, width / height);
    gl.viewport(0, 0, width, height);
    gl.uniformMatrix4fv(uniforms.view, false, matrix);
    gl.uniform3fv(uniforms.key, [0, 1, 2].map(axis => 0.38 * x[axis] + 0.40 * y[axis] + 0.83 * z[axis]));
    gl.uniform3fv(uniforms.eye, z);
    gl.uniform1f(uniforms.lit, camera.lit);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const skin = topology.index.length - topology.eyes;
    for (const [ball, first, length] of [[0, 0, skin], [1, skin, topology.eyes]]) {
      gl.uniform1f(uniforms.ball, ball);
      gl.drawElements(gl.TRIANGLES, length, wide, first * topology.index.BYTES_PER_ELEMENT);
    }
    canvas.dataset.drawn = 'yes';
  }
  draw();

  return {
    show(head, image) {
      const {points, directions} = surface(topology, head);
      for (const [buffer, values] of [[positions, points], [normals, directions]]) {
        gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
        gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
      }
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.SRGB8_ALPHA8, gl.RGBA, gl.UNSIGNED_BYTE, image);
      gl.generateMipmap(gl.TEXTURE_2D);
      camera.centre = head.low.map((low, axis) => (low + head.high[axis]) / 2);
      camera.size = Math.max(...head.low.map((low, axis) => head.high[axis] - low));
      ready = dirty = true;
    },
    light(on) { camera.lit = on ? 1 : 0; dirty = true; },
  };
}

function linked(gl) {
  const program = gl.createProgram();
  for (const [type, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(type);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw Error(gl.getShaderInfoLog(shader));
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  return program;
}

function attribute(gl, program, name, size, type, values) {
  const buffer = gl.createBuffer(), place = gl.getAttribLocation(program, name);
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  if (values) gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
  gl.enableVertexAttribArray(place);
  gl.vertexAttribPointer(place, size, type, type !== gl.FLOAT, 0, 0);
  return buffer;
}

/** Positions and normals of every corner. Normals are of vertices, not of their copies on UV seams: else these show. */
function surface(topology, head) {
  const {vertex, index, vertices} = topology, at = new Float32Array(3 * vertices), normal = new Float32Array(3 * vertices);
  for (let i = 0; i < at.length; i++) at[i] = head.low[i % 3] + head.positions[i] / 65535 * (head.high[i % 3] - head.low[i % 3]);
  for (let i = 0; i < index.length; i += 3) {
    const [a, b, c] = [vertex[index[i]] * 3, vertex[index[i + 1]] * 3, vertex[index[i + 2]] * 3];
    const [ux, uy, uz] = [at[b] - at[a], at[b + 1] - at[a + 1], at[b + 2] - at[a + 2]];
    const [vx, vy, vz] = [at[c] - at[a], at[c + 1] - at[a + 1], at[c + 2] - at[a + 2]];
    for (const k of [a, b, c]) { normal[k] += uy * vz - uz * vy; normal[k + 1] += uz * vx - ux * vz; normal[k + 2] += ux * vy - uy * vx; }
  }
  const points = new Float32Array(3 * vertex.length), directions = new Float32Array(3 * vertex.length);
  for (let corner = 0; corner < vertex.length; corner++)
    for (let axis = 0; axis < 3; axis++) {
      points[3 * corner + axis] = at[3 * vertex[corner] + axis];
      directions[3 * corner + axis] = normal[3 * vertex[corner] + axis];
    }
  return {points, directions};
}

/** The camera's matrix, column by column, and its axes in the head's. */
function lookAt({yaw, pitch, far, centre, size}, aspect) {
  const sy = Math.sin(yaw), cy = Math.cos(yaw), sp = Math.sin(pitch), cp = Math.cos(pitch);
  const x = [cy, 0, -sy], y = [-sy * sp, cp, -cy * sp], z = [sy * cp, sp, cy * cp];
  const focal = 1 / Math.tan(0.22), distance = 2.36 * far * size * Math.max(1, 0.74 / aspect), near = 0.05 * distance, end = 4 * distance;
  const behind = axis => -(axis[0] * centre[0] + axis[1] * centre[1] + axis[2] * centre[2]);
  const a = (near + end) / (near - end), b = 2 * near * end / (near - end), depth = behind(z) - distance;
  const columns = [0, 1, 2].flatMap(k => [focal / aspect * x[k], focal * y[k], a * z[k], -z[k]]);
  return {matrix: [...columns, focal / aspect * behind(x), focal * behind(y), a * depth + b, -depth], x, y, z};
}

/** Drag or arrows turn, the wheel with focus, two fingers, + and - come nearer, a double click lets it turn by itself. */
function turnByHand(canvas, camera, changed) {
  const fingers = new Map();
  const nearer = by => { camera.far = Math.max(0.35, Math.min(1.8, camera.far * by)); changed(); };
  const turn = (right, up) => { camera.turning = false; camera.yaw -= right; camera.pitch = Math.max(-1.2, Math.min(1.2, camera.pitch + up)); changed(); };
  const spread = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]); };
  canvas.onpointerdown = event => { canvas.focus({preventScroll: true}); canvas.setPointerCapture(event.pointerId); fingers.set(event.pointerId, [event.clientX, event.clientY]); };
  canvas.onpointermove = event => {
    const last = fingers.get(event.pointerId);
    if (!last) return;
    const apart = fingers.size === 2 && spread();
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (apart) nearer(apart / spread()); else turn((event.clientX - last[0]) * 0.009, (event.clientY - last[1]) * 0.007);
  };
  canvas.onpointerup = canvas.onpointercancel = event => fingers.delete(event.pointerId);
  canvas.ondblclick = () => { Object.assign(camera, {turning: true, far: 1, pitch: 0.04}); changed(); };
  canvas.addEventListener('wheel', event => { if (document.activeElement === canvas) { event.preventDefault(); nearer(Math.exp(event.deltaY * 0.001)); } }, {passive: false});
  canvas.onkeydown = event => {
    const [right, up, by] = {ArrowLeft: [-0.12, 0, 1], ArrowRight: [0.12, 0, 1], ArrowUp: [0, -0.1, 1], ArrowDown: [0, 0.1, 1], '+': [0, 0, 0.9], '-': [0, 0, 1.1]}[event.key] ?? [];
    if (by === undefined) return;
    event.preventDefault();
    if (right || up) turn(right, up); else nearer(by);
  };
}
